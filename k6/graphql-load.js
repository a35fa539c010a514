// 100 users over the playground's example queries, over changing companies and periods.
import exec from 'k6/execution';
import { answered, companies, pick, post, readers } from './lib.js';

const queries = Object.fromEntries(
  ['overview', 'companies', 'departments', 'months', 'compare'].map((name) => [
    name,
    open(`../web/examples/${name}.graphql`),
  ]),
);

// null is all time.
const periods = ['2025', '2025-Q4', '2025-11', '2025-01-01/2025-03-31', 'FY2025', 'last-30d', null];

export const options = readers(Object.keys(queries), ['p(95)<50', 'p(99)<100']);

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
