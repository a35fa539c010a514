// 100 users, 20 at each of the playground's example queries, each asking once a second over changing
// companies and periods. Why users and a rate: see reporting-load.js.
import exec from 'k6/execution';
import { answered, companies, own, pick, post, short, summaryTrendStats } from './lib.js';

const queries = Object.fromEntries(
  ['overview', 'companies', 'departments', 'months', 'compare'].map((name) => [
    name,
    open(`../web/examples/${name}.graphql`),
  ]),
);

// null is all time.
const periods = ['2025', '2025-Q4', '2025-11', '2025-01-01/2025-03-31', 'FY2025', 'last-30d', null];

const usersPerQuery = 20;

export const options = {
  summaryTrendStats,
  scenarios: {},
  thresholds: {
    http_req_duration: [{ threshold: 'p(95)<500', abortOnFail: true, delayAbortEval: '10s' }],
    http_req_failed: [{ threshold: 'rate<0.01', abortOnFail: true, delayAbortEval: '10s' }],
    wrong_answers: ['rate<0.01'],
    dropped_iterations: ['rate<1'],
  },
};

for (const name of Object.keys(queries)) {
  options.scenarios[name] = {
    executor: 'constant-arrival-rate',
    rate: usersPerQuery,
    timeUnit: '1s',
    duration: short ? '15s' : '5m',
    preAllocatedVUs: usersPerQuery,
    maxVUs: usersPerQuery,
  };
  options.thresholds[`http_req_duration{scenario:${name}}`] = own(['p(95)<50', 'p(99)<100']);
}

export default function () {
  const name = exec.scenario.name;
  const request = {
    query: queries[name],
    variables: { key: pick(companies), period: pick(periods) },
  };
  answered(post('/graphql', request, name), {
    'has no errors': (r) => r.json('errors') === undefined,
    'has all data': (r) => Object.values(r.json('data')).every((field) => field !== null),
  });
}
