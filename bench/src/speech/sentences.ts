export const KINDS = ['question', 'numbers', 'names', 'technical', 'conversational', 'long'] as const;
export type Kind = (typeof KINDS)[number];

export interface Sentence {
  kind: Kind;
  text: string;
}

/** Filled in for `{word}`; drawn anew at each place. */
const WORDS: Record<string, string[]> = {
  person: ['Sarah', 'Michael', 'Emma', 'David', 'Laura', 'Thomas', 'Julia', 'Robert', 'Anna', 'Peter'],
  surname: ['Johnson', 'Miller', 'Taylor', 'Anderson', 'Parker', 'Cooper', 'Bennett', 'Wilson'],
  city: ['London', 'Chicago', 'Berlin', 'Toronto', 'Sydney', 'Boston', 'Madrid', 'Vienna', 'Tokyo', 'Denver'],
  country: ['France', 'Canada', 'Japan', 'Brazil', 'Norway', 'Italy', 'Egypt', 'Mexico', 'Greece', 'Ireland'],
  day: ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'],
  month: ['January', 'March', 'April', 'June', 'July', 'September', 'October', 'December'],
  place: ['the station', 'the library', 'the harbour', 'the museum', 'the market', 'the airport', 'the park'],
  food: ['bread', 'soup', 'rice', 'coffee', 'tomatoes', 'cheese', 'apples', 'chicken'],
  thing: [
    'the window',
    'the blue folder',
    'the old camera',
    'the front door',
    'the garden gate',
    'the red bicycle',
  ],
  weather: ['rain', 'snow', 'wind', 'fog', 'sunshine'],
  small: ['two', 'three', 'four', 'five', 'six', 'seven', 'nine', 'twelve'],
  year: ['1969', '1984', '1999', '2012', '2023'],
  count: ['37', '48', '115', '240', '365', '512', '780'],
  large: ['1,250', '3,400', '12,000', '25,500', '150,000'],
  money: ['$4.50', '$12.99', '$25', '$149', '$1,200'],
  percent: ['5%', '12%', '33%', '75%', '98%'],
  time: ['3:15', '7:30', '9:45', '10:20', '11:05'],
  date: ['21', '3', '14', '30', '9'],
  decimal: ['2.5', '3.14', '0.75', '9.8', '6.2'],
  machine: ['the server', 'the database', 'the router', 'the compiler', 'the browser', 'the container'],
  problem: [
    'ran out of memory',
    'refused the connection',
    'lost its network',
    'wrote a wrong value',
    'stopped without a message',
  ],
  part: ['the cache', 'the index', 'the queue', 'the scheduler', 'the log file', 'the backup'],
  feeling: ['tired', 'hungry', 'glad', 'surprised', 'worried', 'curious'],
};

const TEMPLATES: Record<Kind, string[]> = {
  question: [
    'What is the capital of {country}?',
    'How long does it take to walk from {place} to {place}?',
    'Could you tell me where {person} left {thing}?',
    'Why is there so much {weather} in {city} this week?',
    'Did you buy the {food} for dinner on {day}?',
    'Who opened {thing} while we were away?',
    'When does the last train leave for {city}?',
    'Is it cheaper to live in {city} or in {city}?',
  ],
  numbers: [
    'The ticket costs {money}, which is less than it was last {month}.',
    'On {month} {date} we counted {count} birds near {place}.',
    'About {percent} of the {large} visitors came back in {year}.',
    'The box weighs {decimal} kilograms and holds {count} books.',
    'She paid {money} for a lamp that was made in {year}.',
    'The train to {city} leaves at {time} in the morning.',
    'The river rose by {decimal} metres in {small} hours.',
    'There are {large} people in the town and {count} shops.',
  ],
  names: [
    '{person} {surname} moved from {city} to {city} last {month}.',
    'Doctor {surname} will see {person} at {place} on {day}.',
    'My sister {person} studied history in {country} before she met {person}.',
    '{person} and {person} are flying to {city} with Mr. {surname}.',
    'The letter from {person} {surname} arrived in {city} on {day}.',
    'Mrs. {surname} teaches music to {person} in {city}.',
    'Nobody in {country} knew that {person} was born in {city}.',
    '{person} asked Professor {surname} about the winter in {country}.',
  ],
  technical: [
    '{machine} {problem} while {part} was being rebuilt.',
    'Restart {machine} first, and then check {part} for errors.',
    'The request failed with status {count} because {machine} {problem}.',
    'Each thread keeps its own copy of {part} until the step is done.',
    'A smaller model answers faster, but {part} needs more memory.',
    'We measured the delay between {machine} and {part} in milliseconds.',
    'The new version of {machine} reads {part} only once.',
    'If {machine} is slow, increase the size of {part} by {percent}.',
  ],
  conversational: [
    "I'm a little {feeling}, but let's go to {place} anyway.",
    "Well, I don't think {person} will come on {day}.",
    'Thanks for the {food}, it was really good.',
    "Sorry, I didn't hear you because of the {weather}.",
    "That's funny, I saw {person} at {place} yesterday.",
    "Don't forget to close {thing} when you leave.",
    "Oh, you're right, we should have taken the {time} train.",
    'Let me know if you need more {food} for the weekend.',
  ],
  long: [
    'When {person} came home from {place} on {day}, the {weather} had stopped, the street was quiet, and somebody had left {thing} open for the whole afternoon.',
    'Although {machine} {problem} twice in one night, nobody noticed it before the morning, because {part} had kept a copy of everything that was needed.',
    'The people of {city} had waited {small} years for the new bridge, and when it was opened in {month}, they walked across it with music, {food} and candles.',
    'If you want to understand why {country} changed so quickly, you should read the letters that {person} {surname} wrote to her brother in {city} during the long winter.',
    'We drove through the {weather} for {small} hours, stopped once to buy {food}, and reached {place} just before it closed, which made all of us very {feeling}.',
    'My grandfather used to say that a good answer needs time, that a quick answer needs courage, and that most questions about {food} need neither of them.',
  ],
};

/** `perKind` sentences of each kind, the same for the same seed, no two alike. */
export function sentences(perKind: number, seed = 1): Sentence[] {
  let state = seed;
  const draw = (count: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((state / 2 ** 31) * count);
  };
  const fill = (template: string): string => {
    const text = template.replace(/\{(\w+)\}/g, (_, name: string) => {
      const words = WORDS[name] ?? [];
      return words[draw(words.length)] ?? '';
    });
    return text.charAt(0).toUpperCase() + text.slice(1);
  };
  return KINDS.flatMap((kind) => {
    const made = new Set<string>();
    const templates = TEMPLATES[kind];
    for (let i = 0; made.size < perKind; i++) made.add(fill(templates[i % templates.length] ?? ''));
    return [...made].map((text) => ({ kind, text }));
  });
}
