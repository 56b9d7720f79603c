import { useEffect, useState } from 'react';

export default function Settings() {
  const [theme, setTheme] = useState('system');
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  return (
    <section>
      <label>
        Theme{' '}
        <select value={theme} onChange={(event) => setTheme(event.target.value)}>
          <option>system</option>
          <option>light</option>
          <option>dark</option>
        </select>
      </label>
    </section>
  );
}
