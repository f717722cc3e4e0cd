import { SentBook } from './sent-book';

test('what the server did not take is there again, as far as it is kept', () => {
  const book = new SentBook(10);
  expect(book.after(0)).toEqual([]);
  for (const message of ['aaa', 'bbb', 'ccc']) book.add(message);
  expect(book.after(0)).toEqual(['aaa', 'bbb', 'ccc']);
  expect(book.after(2)).toEqual(['ccc']);
  expect(book.after(3)).toEqual([]);
  expect(book.after(4)).toBeNull();
  book.add('dddd');
  expect(book.after(0)).toBeNull();
  expect(book.after(1)).toEqual(['bbb', 'ccc', 'dddd']);
  book.add('e'.repeat(11));
  expect(book.after(4)).toBeNull();
  expect(book.after(5)).toEqual([]);
});
