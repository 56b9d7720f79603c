import { expect, it } from 'vitest';
import { funnelSteps } from './funnel.ts';

const day = { offered: 100, downloaded: 80, installed: 70, failed: 10 };

it('adds the days up, and measures what failed by the attempts to install', () => {
  expect(funnelSteps([day, { ...day, offered: 300 }])).toEqual([
    { name: 'offered', value: 400, share: '100 %', width: 100 },
    { name: 'downloaded', value: 160, share: '40 %', width: 40 },
    { name: 'installed', value: 140, share: '35 %', width: 35 },
    { name: 'failed', value: 20, share: '12.5 %', width: 5 },
  ]);
});

it('is flat, and no number is invented, where nothing happened', () => {
  const [offered, , , failed] = funnelSteps([]);
  expect(offered).toEqual({ name: 'offered', value: 0, share: '–', width: 0 });
  expect(failed?.share).toBe('–');
});
