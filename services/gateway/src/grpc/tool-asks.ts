import { type ChatRequest, ToolChoice as ProtoChoice } from '@zen/contracts';
import { GatewayError } from '../gateway-error';
import { TOOL_NAME } from '../tools/tool-limits';
import type { ToolAsks, ToolChoice } from '../tools/tool-use';

const CHOICES: Record<ProtoChoice, Exclude<ToolChoice['t'], 'named'> | 'named' | undefined> = {
  [ProtoChoice.TOOL_CHOICE_UNSPECIFIED]: 'auto',
  [ProtoChoice.TOOL_CHOICE_AUTO]: 'auto',
  [ProtoChoice.TOOL_CHOICE_NONE]: 'none',
  [ProtoChoice.TOOL_CHOICE_REQUIRED]: 'required',
  [ProtoChoice.TOOL_CHOICE_NAMED]: 'named',
  [ProtoChoice.UNRECOGNIZED]: undefined,
};

/** What a message asks of tools. The thinker checks the rest of them. */
export function asksOf({ messages, tools, toolChoice, toolName, singleToolCall }: ChatRequest): ToolAsks {
  for (const [at, { name }] of tools.entries()) {
    if (!TOOL_NAME.test(name))
      throw refused(`tools[${at}].name`, 'expected 1 to 64 letters, digits, "_" and "-"');
  }
  const t = CHOICES[toolChoice];
  if (t === undefined) throw refused('tool_choice', `${toolChoice}, not a known choice`);
  if (t !== 'named' && toolName !== '') throw refused('tool_name', 'only where tool_choice is NAMED');
  const choice: ToolChoice = t === 'named' ? { t, name: toolName } : { t };
  return { messages, tools, choice, single: singleToolCall };
}

function refused(param: string, problem: string): GatewayError {
  return new GatewayError('invalid_request', `${param}: ${problem}`, { param });
}
