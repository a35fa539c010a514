import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import { useState } from 'react';
import { createRoot } from 'react-dom/client';
import 'graphiql/style.css';
import './playground.css';
import calculator from '../examples/calculator.graphql';
import companies from '../examples/companies.graphql';
import compare from '../examples/compare.graphql';
import confidence from '../examples/confidence.graphql';
import departments from '../examples/departments.graphql';
import explain from '../examples/explain.graphql';
import months from '../examples/months.graphql';
import overview from '../examples/overview.graphql';

const root = document.getElementById('playground');
const pretty = (value) => JSON.stringify(value, null, 2);

const { demoKey } = root.dataset;
const headers = { 'X-API-Key': demoKey || '<your key>' };
const variables = pretty({ key: 'c1111111-1111-1111-1111-111111111111', period: '2025' });
const tabs = [
  { query: overview, variables },
  { query: companies },
  { query: departments, variables },
  { query: months, variables },
  { query: compare, variables },
  { query: explain, variables },
  { query: confidence, variables },
  { query: calculator },
];

// The first introspection is sent before the header editor exists, so without headers.
const send = createGraphiQLFetcher({ url: '/graphql' });
const fetcher = (params, opts) =>
  send(params, params.operationName === 'IntrospectionQuery' ? { headers, ...opts } : opts);

// GraphiQL ignores the variables of the first default tab. As a prop they would override
// what a returning visitor has stored, so they are given on the first visit only.
const firstVisit = localStorage.getItem('graphiql:tabState') === null;

// In an editor Tab indents, which leaves the keyboard no way out: after Escape it moves on.
let movesOn = false;
addEventListener(
  'keydown',
  (event) => {
    if (event.key === 'Tab' && movesOn) event.stopPropagation();
    else if (event.key !== 'Shift') movesOn = event.key === 'Escape';
  },
  { capture: true },
);

// On a phone the query gets the room of the variables until they are asked for. A key has to be typed first.
const narrow = matchMedia('(max-width: 40rem)').matches;
const tools = demoKey ? !narrow && 'variables' : 'headers';

function Playground() {
  // Headers belong to a tab. Following the last edit lets a key typed once
  // reach every tab that has not been opened yet.
  const [lastHeaders, setLastHeaders] = useState(pretty(headers));

  return (
    <GraphiQL
      fetcher={fetcher}
      defaultTabs={tabs}
      variables={firstVisit ? variables : undefined}
      defaultHeaders={lastHeaders}
      onEditHeaders={setLastHeaders}
      defaultEditorToolsVisibility={tools}
      // Headers carry keys: never written to localStorage.
      shouldPersistHeaders={false}
    >
      <GraphiQL.Logo>impactql</GraphiQL.Logo>
    </GraphiQL>
  );
}

createRoot(root).render(<Playground />);
