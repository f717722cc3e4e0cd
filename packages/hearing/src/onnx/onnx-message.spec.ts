import { OnnxMessage } from './onnx-message';

const bytesOf = (message: OnnxMessage) => Buffer.concat(message.pieces).toString('hex');

test.each<[string, OnnxMessage, string]>([
  ['a small number', new OnnxMessage().integer(1, 8), '0808'],
  ['a large one', new OnnxMessage().integer(1, 300), '08ac02'],
  ['a high field', new OnnxMessage().integer(20, 7), 'a00107'],
  ['one below zero', new OnnxMessage().integer(3, -1), '18ffffffffffffffffff01'],
  ['a float', new OnnxMessage().float(2, 1), '150000803f'],
  ['text', new OnnxMessage().text(4, 'Add'), '2203416464'],
  ['a message in a message', new OnnxMessage().message(7, new OnnxMessage().integer(1, 8)), '3a020808'],
])('%s is written as protobuf does', (_name, message, hex) => {
  expect(bytesOf(message)).toBe(hex);
  expect(message.bytes).toBe(hex.length / 2);
});

test('data is not copied into what is around it', () => {
  const data = new Uint8Array(1000);
  const around = new OnnxMessage().message(7, new OnnxMessage().data(9, data));
  expect(around.pieces).toContain(data);
});
