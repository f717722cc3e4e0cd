import { models } from '../ladder/follow';
import { modelsOf } from '../ladder/ladder-view';
import { modelName, stagePin } from '../shell/session';
import { Composer } from './composer';
import { chatting } from './conversation';
import { Legend } from './legend';
import { Settings } from './settings';
import { StageSelect } from './stage-select';
import { TurnList } from './turn-list';

export function ChatView() {
  const [model] = modelsOf(models.value, modelName.value);
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section class="scroll" tabIndex={0} aria-label="Conversation">
        <TurnList
          talk={chatting}
          empty="Ask something. Each piece of the answer is tinted by the stage that wrote it."
        />
      </section>
      <Legend />
      <Composer label="Your message" placeholder="Ask something …" talk={chatting} pins={[stagePin.value]}>
        <StageSelect
          id="stage"
          label="Stage"
          stages={model?.stages ?? []}
          value={stagePin.value}
          automatic
          onChange={(stage) => {
            stagePin.value = stage;
          }}
        />
        <Settings />
      </Composer>
    </>
  );
}
