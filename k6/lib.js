import { check } from 'k6';
import http from 'k6/http';
import { Rate } from 'k6/metrics';

const api = (__ENV.API_URL || 'http://127.0.0.1:8080').replace(/\/+$/, '');
const headers = { 'Content-Type': 'application/json', 'X-API-Key': __ENV.API_KEY || 'test-key' };

export const short = Boolean(__ENV.SHORT);

// Our own limits stand beside the budgets of the contract, unless the machine is too busy for them to mean anything.
export const own = (limits) => (__ENV.CONTRACT ? [] : limits);

export const companies = [
  'c1111111-1111-1111-1111-111111111111',
  'c2222222-2222-2222-2222-222222222222',
  'c3333333-3333-3333-3333-333333333333',
];

export const summaryTrendStats = ['avg', 'med', 'p(95)', 'p(99)', 'max'];

// readers are 100 users, shared evenly among the named scenarios, each asking once a second.
//
// The executor keeps asking at that rate however slow the answers are, so a slow server cannot flatter its
// own latency by being asked less. The users are its VUs: one who still waits when the next second comes
// is not replaced, the read is dropped, and dropped reads fail the run.
export function readers(names, ownLimits) {
  const users = 100 / names.length;
  const options = {
    summaryTrendStats,
    scenarios: {},
    thresholds: {
      http_req_duration: [{ threshold: 'p(95)<500', abortOnFail: true, delayAbortEval: '10s' }],
      http_req_failed: [{ threshold: 'rate<0.01', abortOnFail: true, delayAbortEval: '10s' }],
      wrong_answers: ['rate<0.01'],
      dropped_iterations: ['rate<1'],
    },
  };
  for (const name of names) {
    options.scenarios[name] = {
      executor: 'constant-arrival-rate',
      rate: users,
      timeUnit: '1s',
      duration: short ? '15s' : '5m',
      preAllocatedVUs: users,
      maxVUs: users,
    };
    options.thresholds[`http_req_duration{scenario:${name}}`] = own(ownLimits);
  }
  return options;
}

// Clients count any other status as an error, 201 and 202 included.
http.setResponseCallback(http.expectedStatuses(200));

export function get(path, name) {
  return http.get(api + path, { headers, tags: { name } });
}

export function post(path, body, name) {
  return http.post(api + path, JSON.stringify(body), { headers, tags: { name } });
}

// The share of requests with any check failed; the rate of `checks` dilutes one failure among the others.
const wrongAnswers = new Rate('wrong_answers');

// answered checks what every answer owes, and with each further check what this one does.
// The body is read only after a 200, since that of a failed request need not be JSON.
export function answered(response, further) {
  const checks = {
    'status is 200': (r) => r.status === 200,
    'content type is application/json': (r) => r.headers['Content-Type'] === 'application/json',
  };
  for (const [name, holds] of Object.entries(further)) {
    checks[name] = (r) => r.status === 200 && holds(r);
  }
  wrongAnswers.add(!check(response, checks));
}

export const succeeded = { 'success is true': (r) => r.json('success') === true };

export function pick(list) {
  return list[Math.floor(Math.random() * list.length)];
}

export function between(min, max) {
  return min + Math.floor(Math.random() * (max - min + 1));
}
