import Fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { toAppError } from './app-error.ts';
import { acceptJsonBodies } from './json-body.ts';

function serverTaking(accepts: 'json' | 'anything') {
  const server = Fastify({ bodyLimit: 1_000 });
  acceptJsonBodies(server, accepts);
  server.setErrorHandler((error, _request, reply) => reply.send({ refused: toAppError(error).code }));
  server.post('/', (request) => ({ body: request.body ?? 'none' }));
  return async (payload: string | Buffer, contentType?: string) => {
    const headers = contentType === undefined ? {} : { 'content-type': contentType };
    return (await server.inject({ method: 'POST', url: '/', payload, headers })).json();
  };
}

describe('a JSON body', () => {
  const post = serverTaking('json');
  const answerTo = (payload: string | Buffer) => post(payload, 'application/json');

  it.each([
    ['an object', '{"a":{"b":[1,2,3]}}'],
    ['an array', '[{"a":1},{"a":2}]'],
    ['texts that look like other types', '{"a":"1","b":"true","c":"null"}'],
    ['numbers, truth values and null', '{"a":1.5e3,"b":true,"c":null,"d":-0.1}'],
    ['Unicode, written and escaped', '{"é":"👩‍👧","e\u0301":"\\u00e9\\ud83d\\ude00"}'],
    ['blanks around', ' \r\n\t{"a":1} \n'],
    ['names of built-in things that are harmless', '{"toString":1,"hasOwnProperty":2,"prototype":3}'],
  ])('is read as it stands: %s', async (_what, json) => {
    expect(await answerTo(json)).toStrictEqual({ body: JSON.parse(json) });
  });

  it.each([
    ['empty', ''],
    ['only blanks', '  '],
    ['cut', '{"a":1'],
    ['followed by more', '{"a":1}{"a":2}'],
    ['with a comment', '{"a":1} // one'],
    ['with a comma too many', '{"a":1,}'],
    ['with single quotes', "{'a':1}"],
    ['with a bare word', '{"a":NaN}'],
    ['a form', 'a=1&b=2'],
    ['with a raw line break in a text', '{"a":"b\nc"}'],
    ['deeply broken', '['.repeat(900)],
  ])('is refused when it is %s', async (_fault, payload) => {
    expect(await answerTo(payload)).toStrictEqual({ refused: 'invalid_json_parse_body' });
  });

  it.each([
    ['Latin-1', Buffer.from('{"a":"é"}', 'latin1')],
    ['UTF-16', Buffer.from('{"a":"b"}', 'utf16le')],
    ['a cut sequence', Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xe2, 0x82]), Buffer.from('"}')])],
    [
      'an overlong sequence',
      Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}')]),
    ],
    [
      'a lone surrogate',
      Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]),
    ],
  ])('is refused when its bytes are not UTF-8: %s', async (_what, payload) => {
    expect(await answerTo(payload)).toStrictEqual({ refused: 'invalid_json_parse_body' });
  });

  it.each([
    '{"__proto__":{"admin":true}}',
    '{"a":{"__proto__":{"admin":true}}}',
    '[{"__proto__":null}]',
    '{"\\u005f\\u005fproto__":{"admin":true}}',
    '{"constructor":{"prototype":{"admin":true}}}',
    '{"a":[{"constructor":{"prototype":1}}]}',
  ])('is refused when a key could reach a prototype: %s', async (payload) => {
    expect(await answerTo(payload)).toStrictEqual({ refused: 'invalid_json_parse_body' });
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  it.each(['{"a":"\\ud800"}', '{"\\udfff":1}', '["\\ud83d","\\ude00"]'])(
    'is refused when it holds half a character: %s',
    async (payload) => {
      expect(await answerTo(payload)).toStrictEqual({ refused: 'invalid_json_parse_body' });
    },
  );

  it('may hold whole characters as two escapes', async () => {
    expect(await answerTo('{"a":"\\ud83d\\ude00"}')).toStrictEqual({ body: { a: '😀' } });
  });

  it('is taken when nothing says what it is', async () => {
    expect(await post('{"a":1}')).toStrictEqual({ body: { a: 1 } });
  });

  it('is refused when it is larger than the limit', async () => {
    expect(await answerTo(JSON.stringify('x'.repeat(1_000)))).toStrictEqual({ refused: 'payload_too_large' });
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/xml', 'multipart/form-data'])(
    'is refused when it comes as %s',
    async (contentType) => {
      expect(await post('{"a":1}', contentType)).toStrictEqual({ refused: 'unsupported_media_type' });
    },
  );

  it.each(['application/json; charset=utf-8', 'application/json;charset=UTF-8', 'APPLICATION/JSON'])(
    'is taken as %s',
    async (contentType) => {
      expect(await post('{"a":1}', contentType)).toStrictEqual({ body: { a: 1 } });
    },
  );

  it.each(['text/plain', 'application/octet-stream', 'application/json', undefined])(
    'is taken under any name where every content type counts as JSON: %s',
    async (contentType) => {
      const postAnything = serverTaking('anything');
      expect(await postAnything('{"a":1}', contentType)).toStrictEqual({ body: { a: 1 } });
      expect(await postAnything('a=1', contentType)).toStrictEqual({ refused: 'invalid_json_parse_body' });
      expect(await postAnything('', contentType)).toStrictEqual({ body: 'none' });
    },
  );
});
