import { parseFamilies } from './families';

describe('parseFamilies', () => {
  test('families, members in order, weights where given', () => {
    expect(parseFamilies(' zen-coder=a/big,small@0.75 ; other=x,y,z@0.5;')).toEqual([
      {
        name: 'zen-coder',
        members: [
          { model: 'a/big', weight: 1 },
          { model: 'small', weight: 0.75 },
        ],
      },
      {
        name: 'other',
        members: [
          { model: 'x', weight: 1 },
          { model: 'y', weight: null },
          { model: 'z', weight: 0.5 },
        ],
      },
    ]);
    expect(parseFamilies('')).toEqual([]);
  });

  test.each([
    ['no name', '=a,b', 'expected NAME='],
    ['no members', 'f', 'expected NAME='],
    ['one member', 'f=a', 'f: 1 members'],
    ['too many', `f=${[...Array(17).keys()].join(',')}`, 'f: 17 members'],
    ['an empty member', 'f=a,,b', 'expected MODEL'],
    ['two weights', 'f=a,b@0.5@0.6', 'expected MODEL'],
    ['a weight of nothing', 'f=a,b@', 'b: the weight is'],
    ['a weight above 1', 'f=a,b@1.5', 'b: the weight is 1.5'],
    ['a measure that is not 1', 'f=a@0.9,b', 'a: the first member'],
    ['a model in two families', 'f=a,b;g=c,a', '"a" is named twice'],
    ['a family named like a model', 'f=a,f', '"f" is named twice'],
  ])('refuses %s', (_, text, words) => {
    expect(() => parseFamilies(text)).toThrow(words);
  });
});
