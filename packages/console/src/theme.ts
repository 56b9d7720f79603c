import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from '@mantine/core';

const brand: MantineColorsTuple = [
  ...(['#eef3ff', '#dce4f5', '#b9c7e2', '#94a8d0', '#748dc1'] as const),
  ...(['#5f7cb8', '#3b5bdb', '#3450c0', '#2b44ab', '#1f3796'] as const),
];

export const theme = createTheme({
  primaryColor: 'brand',
  primaryShade: { light: 7, dark: 6 },
  colors: { brand },
  defaultRadius: 'md',
  fontFamily: 'Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace',
  headings: {
    fontWeight: '650',
    sizes: { h1: { fontSize: '1.5rem' }, h2: { fontSize: '1.125rem' }, h3: { fontSize: '1rem' } },
  },
  components: {
    Modal: { defaultProps: { closeButtonProps: { 'aria-label': 'Close' } } },
    Notification: { defaultProps: { closeButtonProps: { 'aria-label': 'Dismiss' } } },
    Alert: { defaultProps: { closeButtonLabel: 'Dismiss' } },
  },
  cursorType: 'pointer',
  respectReducedMotion: true,
});

/** Dimmed text and placeholders of the component library miss WCAG AA, on tinted surfaces most of all. */
export const accessibleColors: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': '#5a6169',
    '--mantine-color-placeholder': '#6b7278',
    '--mantine-color-error': '#c92a2a',
    '--mantine-color-red-text': '#c92a2a',
    '--mantine-color-teal-light-color': '#04593f',
    '--mantine-color-yellow-light-color': '#6b4300',
    '--mantine-color-orange-light-color': '#8a3800',
    '--mantine-color-blue-light-color': '#12508f',
    '--mantine-color-red-light-color': '#a51d1d',
    '--mantine-color-violet-light-color': '#5231b0',
    '--mantine-color-gray-light-color': '#3f464d',
  },
  dark: {
    '--mantine-color-dimmed': '#a6acb2',
    '--mantine-color-placeholder': '#9399a0',
    '--mantine-color-error': '#ff8787',
    '--mantine-color-anchor': '#9db2f5',
  },
});
