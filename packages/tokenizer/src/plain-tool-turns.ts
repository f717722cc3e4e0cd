import type { ChatMessage } from './chat-template';

/** A turn that may call tools or bring a result, in OpenAI's shape but for the arguments, which are a value. */
export interface ToolTurn extends ChatMessage {
  tool_calls?: readonly { function: { name: string; arguments: unknown } }[];
}

/**
 * The same chat in turns that every template knows, for models whose own template knows no tools: they are described
 * in the system's turn, calls are text of the assistant's, results of the user's. Calls have the form that Hermes and
 * Qwen models are trained on.
 */
export function plainToolTurns(messages: readonly ToolTurn[], tools: readonly unknown[]): ChatMessage[] {
  const turns: ChatMessage[] = [];
  let results: string[] = [];
  const flush = () => {
    if (results.length > 0) turns.push({ role: 'user', content: results.join('\n') });
    results = [];
  };
  for (const message of messages) {
    if (message.role === 'tool') {
      results.push(`<tool_response>\n${message.content}\n</tool_response>`);
      continue;
    }
    flush();
    turns.push(message.tool_calls?.length ? { role: message.role, content: withCalls(message) } : message);
  }
  flush();
  if (tools.length === 0) return turns;
  const first = turns[0];
  const system = first?.role === 'system' ? `${first.content}\n\n${describe(tools)}` : describe(tools);
  return [{ role: 'system', content: system }, ...turns.slice(first?.role === 'system' ? 1 : 0)];
}

function withCalls({ content, tool_calls: calls = [] }: ToolTurn): string {
  const written = calls.map(({ function: { name, arguments: given } }) => {
    return `<tool_call>\n${JSON.stringify({ name, arguments: given })}\n</tool_call>`;
  });
  return [...(content ? [content] : []), ...written].join('\n');
}

function describe(tools: readonly unknown[]): string {
  return `You can call functions. Each line inside <tools></tools> describes one:
<tools>
${tools.map((tool) => JSON.stringify(tool)).join('\n')}
</tools>

To call one, write its name and its arguments as JSON inside <tool_call></tool_call>:
<tool_call>
{"name": "the function", "arguments": {"an argument": "its value"}}
</tool_call>
Its result comes inside <tool_response></tool_response>. Where no function helps, answer without any.`;
}
