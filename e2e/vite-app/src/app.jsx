import { lazy, Suspense, useState } from 'react';
import { greeting } from './greeting.js';

const pages = {
  notes: lazy(() => import('./pages/notes.jsx')),
  map: lazy(() => import('./pages/map.jsx')),
  settings: lazy(() => import('./pages/settings.jsx')),
};

export function App() {
  const [name, setName] = useState('notes');
  const Page = pages[name];
  return (
    <main>
      <h1>{greeting}</h1>
      <nav>
        {Object.keys(pages).map((each) => (
          <button key={each} type="button" aria-pressed={each === name} onClick={() => setName(each)}>
            {each}
          </button>
        ))}
      </nav>
      <Suspense fallback={<p>Loading</p>}>
        <Page />
      </Suspense>
    </main>
  );
}
