import type { ChatMessage, ChatPrompt, Tool, ToolCall } from '@zen/contracts';
import type { Tokenizer, ToolTurn } from '@zen/tokenizer';
import { checkBytes, naming, type PromptLimits } from './prompt-limits';
import { invalid } from './thinker-error';

const ROLES = new Set(['system', 'developer', 'user', 'assistant', 'tool']);
const MAX_TOOLS = 128;
const MAX_CALLS = 128;
const TOOL_NAME = /^[a-zA-Z0-9_-]{1,64}$/;
const MAX_DESCRIPTION_BYTES = 16 * 1024;
const MAX_PARAMETERS_BYTES = 64 * 1024;
const MAX_CALL_ID = 256;
const MAX_PREFIX_BYTES = 1024;
/** Nesting of schemas and arguments: templates are given them with four more levels around, at most 32. */
const MAX_JSON_DEPTH = 24;

/** What a tool without parameters takes. */
const NOTHING = { type: 'object', properties: {} };

/** A chat as tokens; every field is checked against the contract's limits before it is rendered. */
export function renderChat(chat: ChatPrompt, tokenizer: Tokenizer, limits: PromptLimits): Int32Array {
  const { messages, tools, answerPrefix } = chat;
  if (messages.length === 0) throw invalid('chat.messages', '0 messages, must be at least 1');
  const prefixBytes = Buffer.byteLength(answerPrefix);
  if (prefixBytes > MAX_PREFIX_BYTES) {
    throw invalid('chat.answer_prefix', `${prefixBytes} bytes, limit ${MAX_PREFIX_BYTES}`);
  }
  checkBytes('chat', messagesBytes(messages) + toolsBytes(tools) + prefixBytes, tokenizer, limits);
  const turns = messages.map((message, at) => turnOf(message, `chat.messages[${at}]`));
  const described = describe(tools);
  const maxTokens = limits.promptTokens;
  return naming('chat', () => tokenizer.renderChat(turns, { tools: described, answerPrefix, maxTokens }));
}

function turnOf({ role, content, toolCalls, toolCallId }: ChatMessage, field: string): ToolTurn {
  if (!ROLES.has(role)) throw invalid(`${field}.role`, `must be one of ${[...ROLES].join(', ')}`);
  if (toolCalls.length === 0 && toolCallId === '') return { role, content };
  if (toolCalls.length > 0 && role !== 'assistant') {
    throw invalid(`${field}.tool_calls`, 'only an assistant calls tools');
  }
  if (toolCallId !== '' && role !== 'tool') throw invalid(`${field}.tool_call_id`, 'only of a tool');
  if (toolCalls.length > MAX_CALLS) {
    throw invalid(`${field}.tool_calls`, `${toolCalls.length} calls, limit ${MAX_CALLS}`);
  }
  if (role === 'tool') return { role, content, tool_call_id: checkId(toolCallId, `${field}.tool_call_id`) };
  const calls = toolCalls.map((call, at) => callOf(call, `${field}.tool_calls[${at}]`));
  return { role, content, tool_calls: calls };
}

/** Templates want the arguments as a value; the contract has them as JSON text. */
function callOf({ id, name, arguments: text }: ToolCall, field: string) {
  checkId(id, `${field}.id`);
  checkName(name, `${field}.name`);
  const given = objectOf(text, `${field}.arguments`);
  return { id, type: 'function', function: { name, arguments: given } };
}

function describe(tools: readonly Tool[]): object[] {
  if (tools.length > MAX_TOOLS) throw invalid('chat.tools', `${tools.length} tools, limit ${MAX_TOOLS}`);
  const names = new Set<string>();
  return tools.map(({ name, description, parameters }, at) => {
    const field = `chat.tools[${at}]`;
    checkName(name, `${field}.name`);
    if (names.has(name)) throw invalid(`${field}.name`, 'another tool has the same');
    names.add(name);
    checkLength(description, MAX_DESCRIPTION_BYTES, `${field}.description`);
    checkLength(parameters, MAX_PARAMETERS_BYTES, `${field}.parameters`);
    const schema = parameters === '' ? NOTHING : objectOf(parameters, `${field}.parameters`);
    return { type: 'function', function: { name, description, parameters: schema } };
  });
}

function checkId(id: string, field: string): string {
  if (id === '' || id.length > MAX_CALL_ID) throw invalid(field, `must have 1 to ${MAX_CALL_ID} characters`);
  return id;
}

function checkName(name: string, field: string): void {
  if (!TOOL_NAME.test(name)) throw invalid(field, 'must be 1 to 64 letters, digits, "_" and "-"');
}

function checkLength(text: string, most: number, field: string): void {
  const bytes = Buffer.byteLength(text);
  if (bytes > most) throw invalid(field, `${bytes} bytes, limit ${most}`);
}

function objectOf(json: string, field: string): object {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    // The parser's own message would quote the text, which may be private.
    throw invalid(field, 'is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(field, 'is not a JSON object');
  }
  if (depthOf(json) > MAX_JSON_DEPTH) throw invalid(field, `nests deeper than ${MAX_JSON_DEPTH}`);
  return value;
}

/** How deep JSON nests; from its text, because a recursion over the value would itself need a limit. */
function depthOf(json: string): number {
  let depth = 0;
  let most = 0;
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/gs)) {
    if (token === '{' || token === '[') most = Math.max(most, ++depth);
    else if (!token.startsWith('"')) depth--;
  }
  return most;
}

function messagesBytes(messages: readonly ChatMessage[]): number {
  const texts = messages.flatMap(({ content, toolCalls }) => [
    content,
    ...toolCalls.flatMap(({ name, arguments: given }) => [name, given]),
  ]);
  return bytesOf(texts);
}

function toolsBytes(tools: readonly Tool[]): number {
  return bytesOf(tools.flatMap(({ name, description, parameters }) => [name, description, parameters]));
}

function bytesOf(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}
