// 100 users over the /v1 reads.
import exec from 'k6/execution';
import { answered, companies, get, pick, readers, succeeded } from './lib.js';

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

export const options = readers(Object.keys(reads), ['p(95)<25', 'p(99)<50']);

export default function () {
  const name = exec.scenario.name;
  const { path, figures } = reads[name];
  answered(get(path(pick(companies)) + pick(ranges), name), {
    ...succeeded,
    'figures are numbers': (r) => figures.every((figure) => typeof r.json(figure) === 'number'),
  });
}
