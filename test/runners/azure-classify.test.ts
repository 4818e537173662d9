import { describe, expect, test } from 'vitest';

import { AzureAnswer, toAnswer } from '../../src/runners/azure-answer.ts';
import { classifyAnswer } from '../../src/runners/azure-classify.ts';

const full =
  "The requested resource is not available in the location 'westus' at this moment. Please retry with a different resource request or in another location.";
const cores =
  "Resource type 'Microsoft.ContainerInstance/containerGroups' container group quota 'StandardCores' exceeded in region 'westus'.";

const refused = (reason: string, permanent: boolean) => ({ kind: 'refused', reason, permanent });

/** Every answer that is known of, and what it means. */
const answers: readonly (readonly [status: number, code: string, message: string, meaning: object])[] = [
  [409, 'ContainerGroupTransitioning', 'is still transitioning', { kind: 'transitioning' }],
  [409, 'ServiceUnavailable', full, { kind: 'noCapacity' }],
  [409, 'ServiceUnavailable', cores, { kind: 'noCapacity' }],
  [409, 'ServiceUnavailable', 'The service is unavailable.', { kind: 'open' }],
  [400, 'ContainerGroupQuotaReached', 'quota', { kind: 'noCapacity' }],
  [429, 'TooManyRequests', 'too many', { kind: 'noCapacity', retryAfterMs: 7000 }],
  [409, 'RegistryErrorResponse', 'registry', refused('imageUnavailable', false)],
  [400, 'InaccessibleImage', 'image', refused('imageUnavailable', true)],
  [400, 'InvalidImageRegistryIdentity', 'identity', refused('imageUnavailable', true)],
  [400, 'InvalidRequestContent', 'content', refused('startError', true)],
  [400, 'LocationNotAvailableForResourceType', 'location', refused('startError', true)],
  [409, 'MissingSubscriptionRegistration', 'register', refused('startError', true)],
  [409, 'InvalidResourceLocation', 'already exists in location', { kind: 'taken' }],
  [401, 'InvalidAuthenticationToken', 'token', refused('startError', false)],
  [403, 'AuthorizationFailed', 'no', refused('startError', false)],
  [403, 'LinkedAuthorizationFailed', 'no', refused('startError', false)],
  [404, 'ResourceNotFound', 'not found', { kind: 'absent' }],
  [404, 'ResourceGroupNotFound', 'not found', refused('startError', false)],
  [404, '', '', refused('startError', false)],
  [409, 'SomethingNew', 'new', { kind: 'open' }],
  [408, '', '', { kind: 'open' }],
  [500, 'InternalServerError', 'oops', { kind: 'open' }],
  [503, 'ServerBusy', 'busy', { kind: 'open', retryAfterMs: 7000 }],
  [400, '__proto__', 'hostile', refused('startError', true)],
];

describe('an answer of Azure', () => {
  test.each(answers)('%i %s "%s" means what it means', (status, code, message, meaning) => {
    const wait = 'retryAfterMs' in meaning ? 7000 : undefined;
    expect(classifyAnswer(new AzureAnswer(status, code, message, wait))).toMatchObject(meaning);
  });

  test('names the role that is missing', () => {
    const message = (code: string) => JSON.stringify(classifyAnswer(new AzureAnswer(403, code, 'No.')));
    expect(message('AuthorizationFailed')).toContain('Azure Container Instances Contributor Role');
    expect(message('LinkedAuthorizationFailed')).toContain('Managed Identity Operator');
  });
});

describe('an error of the SDK', () => {
  const now = Date.parse('2026-11-24T04:00:00Z');
  const sdkError = (retryAfter: string | undefined, changes: object = {}) =>
    Object.assign(new Error('from the SDK'), {
      name: 'RestError',
      statusCode: 429,
      code: 'TooManyRequests',
      request: { body: 'secret' },
      response: { headers: { get: () => retryAfter }, bodyAsText: '{"error":{"code":"Throttled","message":"said"}}' },
      ...changes,
    });

  test.each([
    ['12', 12_000],
    ['0', 0],
    ['Tue, 24 Nov 2026 04:00:30 GMT', 30_000],
    ['Tue, 24 Nov 2026 03:00:00 GMT', 0],
    ['soon', undefined],
    [undefined, undefined],
  ])('tells how long to wait: %s', (header, expected) => {
    expect(toAnswer(sdkError(header), now)?.retryAfterMs).toBe(expected);
  });

  test('becomes what the service said, without the request', () => {
    const answer = toAnswer(sdkError(undefined), now);
    expect(answer).toMatchObject({ status: 429, code: 'Throttled', message: 'said' });
    expect(JSON.stringify([answer, Object.values(answer ?? {}), answer?.cause])).not.toContain('secret');
  });

  test.each([
    ['no connection', sdkError(undefined, { statusCode: undefined })],
    ['success that cannot be read', sdkError(undefined, { statusCode: 201 })],
    ['refused by whoever gives out tokens', sdkError(undefined, { name: 'AuthenticationError', statusCode: 400 })],
    ['not an object', 'text'],
  ])('is no answer: %s', (_, error) => {
    expect(toAnswer(error, now)).toBeUndefined();
  });
});
