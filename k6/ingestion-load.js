// 1,000 events a second, each a request of its own, for as long as it takes to trust the tail.
import { answered, between, companies, own, pick, post, short, succeeded, summaryTrendStats } from './lib.js';

const rate = 1000;

export const options = {
  summaryTrendStats,
  scenarios: {
    ingest: {
      executor: 'constant-arrival-rate',
      rate,
      timeUnit: '1s',
      duration: short ? '15s' : '5m',
      preAllocatedVUs: 200,
      maxVUs: 1000,
    },
  },
  thresholds: {
    // The budget of the contract.
    http_req_duration: [{ threshold: 'p(95)<500', abortOnFail: true, delayAbortEval: '10s' }],
    http_req_failed: [{ threshold: 'rate<0.01', abortOnFail: true, delayAbortEval: '10s' }],
    // Our own.
    'http_req_duration{name:ingest}': own(['p(95)<10', 'p(99)<25']),
    wrong_answers: ['rate<0.01'],
    dropped_iterations: [`rate<${rate / 100}`],
  },
};

export default function () {
  const event = {
    type: 'session.completed',
    companyId: pick(companies),
    sessionId: `session-${Date.now()}-${Math.random().toString(36).slice(2, 11)}`,
    userId: `user-${between(1, 10000)}`,
    timestamp: new Date().toISOString(),
    data: {
      duration: between(600, 3600),
      outcome: pick(['positive', 'neutral', 'negative']),
      score: between(0, 100) / 10,
      metadata: { source: 'load-test', program: 'buddy' },
    },
  };
  answered(post('/webhooks/ingest', event, 'ingest'), succeeded);
}
