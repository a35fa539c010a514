// 50 events a second for an hour. They carry no session: the server identifies them by their content.
import { answered, between, companies, own, pick, post, short, succeeded, summaryTrendStats } from './lib.js';

const rate = 50;

export const options = {
  summaryTrendStats,
  scenarios: {
    soak: {
      executor: 'constant-arrival-rate',
      rate,
      timeUnit: '1s',
      duration: short ? '20s' : '1h',
      preAllocatedVUs: 25,
      maxVUs: 100,
    },
  },
  thresholds: {
    // The budget of the contract.
    http_req_duration: [{ threshold: 'p(95)<1000', abortOnFail: true, delayAbortEval: '1m' }],
    http_req_failed: [{ threshold: 'rate<0.02', abortOnFail: true, delayAbortEval: '1m' }],
    // Our own.
    'http_req_duration{name:soak}': own(['p(95)<10', 'p(99)<25']),
    wrong_answers: ['rate<0.02'],
    dropped_iterations: [`rate<${rate / 100}`],
  },
};

const types = ['session.completed', 'feedback.received', 'checkin.submitted', 'milestone.achieved'];

export default function () {
  const event = {
    type: pick(types),
    companyId: pick(companies),
    userId: `user-${between(1, 10000)}`,
    timestamp: new Date().toISOString(),
    data: { value: Math.random() * 100, score: Math.random() * 10 },
  };
  answered(post('/webhooks/ingest', event, 'soak'), succeeded);
}
