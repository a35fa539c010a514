// 100 users, 25 at each of the /v1 reads, each asking once a second.
//
// The executor keeps asking at that rate however slow the answers are, so a slow server cannot flatter its
// own latency by being asked less. The users are its VUs: one who still waits when the next second comes
// is not replaced, the read is dropped, and dropped reads fail the run.
import exec from 'k6/execution';
import { answered, companies, get, own, pick, short, succeeded, summaryTrendStats } from './lib.js';

const reads = {
  metrics: {
    path: (company) => `/v1/metrics/${company}`,
    figures: ['sroi', 'vis', 'totalParticipants', 'totalSessions', 'avgEngagement', 'impactScore'].map((f) => `metrics.${f}`),
  },
  sroi: { path: (company) => `/v1/metrics/${company}/sroi`, figures: ['sroi'] },
  vis: { path: (company) => `/v1/metrics/${company}/vis`, figures: ['vis'] },
  cohort: {
    path: (company) => `/v1/cohort/${company}/all`,
    figures: ['participantCount', 'avgSROI', 'avgVIS', 'completionRate'].map((f) => `metrics.${f}`),
  },
};

const ranges = ['', '?start=2025-01-01&end=2025-12-31', '?period=2025-Q4', '?period=last-30d'];

const usersPerRead = 25;

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

for (const name of Object.keys(reads)) {
  options.scenarios[name] = {
    executor: 'constant-arrival-rate',
    rate: usersPerRead,
    timeUnit: '1s',
    duration: short ? '15s' : '5m',
    preAllocatedVUs: usersPerRead,
    maxVUs: usersPerRead,
  };
  options.thresholds[`http_req_duration{scenario:${name}}`] = own(['p(95)<25', 'p(99)<50']);
}

export default function () {
  const name = exec.scenario.name;
  const { path, figures } = reads[name];
  answered(get(path(pick(companies)) + pick(ranges), name), {
    ...succeeded,
    'figures are numbers': (r) => figures.every((figure) => typeof r.json(figure) === 'number'),
  });
}
