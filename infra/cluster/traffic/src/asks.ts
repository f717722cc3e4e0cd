/** One question of the traffic, always asked in the same words: its greedy answer at one stage is always the same. */
export interface Ask {
  name: string;
  messages: { role: 'system' | 'user'; content: string }[];
  maxTokens: number;
}

const user = (name: string, content: string, maxTokens: number): Ask => ({
  name,
  messages: [{ role: 'user', content }],
  maxTokens,
});

/** Short and long answers, and text whose characters break over several tokens. */
export const ASKS: readonly Ask[] = [
  user('sky', 'In two sentences, why is the sky blue?', 60),
  user('list', 'List the numbers from one to forty in words, one a line.', 160),
  user('code', 'Write a Python function that returns the n-th Fibonacci number, and explain each line.', 200),
  user('chinese', '把这句话翻译成中文并重复五遍：Good morning, my friend. 早上好', 120),
  user('emoji', 'Repeat ten times, exactly: 🙂🚀 café naïve 日本語', 120),
  {
    name: 'pirate',
    messages: [
      {
        role: 'system',
        content: 'You are a pirate. You answer at length and end every sentence with "arr".',
      },
      { role: 'user', content: 'Tell me about your ship.' },
    ],
    maxTokens: 180,
  },
];
