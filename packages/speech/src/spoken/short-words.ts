import type { Rule } from './rule';

/** Before a name. */
const TITLES: Readonly<Record<string, string>> = {
  Mr: 'Mister',
  Mrs: 'Missus',
  Ms: 'Miz',
  Dr: 'Doctor',
  Prof: 'Professor',
  St: 'Saint',
  Mt: 'Mount',
  Ft: 'Fort',
  Gen: 'General',
  Gov: 'Governor',
  Sen: 'Senator',
  Rep: 'Representative',
  Capt: 'Captain',
  Lt: 'Lieutenant',
  Col: 'Colonel',
  Sgt: 'Sergeant',
  Rev: 'Reverend',
  Hon: 'Honorable',
  Pres: 'President',
  Adm: 'Admiral',
};
/** Anywhere. */
const SHORT: Readonly<Record<string, string>> = {
  'e.g.': 'for example',
  'i.e.': 'that is',
  'etc.': 'et cetera',
  'vs.': 'versus',
  vs: 'versus',
  'a.k.a.': 'also known as',
  aka: 'also known as',
  'approx.': 'approximately',
  'est.': 'established',
  'cf.': 'compare',
  'et al.': 'and others',
  'Jr.': 'Junior',
  'Sr.': 'Senior',
  'Mr.': 'Mister',
  'Mrs.': 'Missus',
  'Ms.': 'Miz',
  'Dr.': 'Doctor',
  'Prof.': 'Professor',
  'St.': 'Street',
  'Ave.': 'Avenue',
  'Blvd.': 'Boulevard',
  'Rd.': 'Road',
  'Hwy.': 'Highway',
  'Apt.': 'Apartment',
  'Ltd.': 'Limited',
  'Inc.': 'Incorporated',
  'Corp.': 'Corporation',
  'Co.': 'Company',
  'Bros.': 'Brothers',
  'Dept.': 'Department',
  'Univ.': 'University',
  'Govt.': 'Government',
  'govt.': 'government',
  'vol.': 'volume',
  'Vol.': 'Volume',
  'pp.': 'pages',
  'Jan.': 'January',
  'Feb.': 'February',
  'Aug.': 'August',
  'Sept.': 'September',
  'Oct.': 'October',
  'Nov.': 'November',
  'Dec.': 'December',
  'w/': 'with',
  'w/o': 'without',
  'b/c': 'because',
  JSON: 'jason',
  YAML: 'yammel',
  README: 'read me',
  OAuth: 'O auth',
  nginx: 'engine X',
  kubectl: 'cube control',
  K8s: 'kubernetes',
  k8s: 'kubernetes',
  BTW: 'by the way',
  IMO: 'in my opinion',
  TBD: 'to be determined',
  FYI: 'for your information',
  ASAP: 'as soon as possible',
};
/** Where a number follows. */
const NUMBERED: Readonly<Record<string, string>> = {
  'fig.': 'figure',
  'Fig.': 'Figure',
  'ch.': 'chapter',
  'Ch.': 'Chapter',
  'p.': 'page',
  'Eq.': 'Equation',
  'eq.': 'equation',
  'Sec.': 'Section',
  'sec.': 'section',
  'Art.': 'Article',
  'ca.': 'about',
};
const pattern = (words: Readonly<Record<string, string>>) =>
  Object.keys(words)
    .sort((a, b) => b.length - a.length)
    .map((word) => word.replaceAll('.', '\\.'))
    .join('|');

/** Abbreviations and titles. */
export const SHORT_WORDS: readonly Rule[] = [
  {
    pattern: new RegExp(`\\b(${pattern(TITLES)})(\\.?) (?=\\p{Lu})`, 'gu'),
    // Without its dot only those that are nothing else.
    say: (_all, title, dot) => (dot || /^(?:Mr|Mrs|Ms|Dr|St|Mt)$/.test(title!) ? `${TITLES[title!]} ` : null),
  },
  {
    pattern: new RegExp(`(?<![\\w.])(${pattern(NUMBERED)})\\s?(?=\\d)`, 'g'),
    say: (_all, word) => `${NUMBERED[word!]} `,
  },
  {
    pattern: new RegExp(`(?<![\\w.])(${pattern(SHORT)})(?!\\w)(?=([^]*))`, 'g'),
    // At the end its dot is the sentence's too.
    say: (_all, word, rest) => SHORT[word!]! + (word!.endsWith('.') && rest!.trim() === '' ? '.' : ''),
  },
];
