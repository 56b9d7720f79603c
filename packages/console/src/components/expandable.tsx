import { Box, Collapse, Group, Paper, Stack, UnstyledButton } from '@mantine/core';
import { IconChevronDown, IconChevronRight } from '@tabler/icons-react';
import { Children, type ReactNode, useId, useState } from 'react';
import classes from './expandable.module.css';

/** Rows that open: for what is more than a table's row holds, also on a narrow screen. */
export function ExpandableList({
  label,
  children,
}: {
  /** What the rows are. */
  readonly label: string;
  readonly children: ReactNode;
}) {
  return (
    <Paper withBorder component="ul" aria-label={label} className={classes.list}>
      {Children.map(children, (child) => (
        <li>{child}</li>
      ))}
    </Paper>
  );
}

/** A row that says in one line what it is, and opens to all of it. */
export function Expandable({
  summary,
  below,
  aside,
  children,
}: {
  /** The line, which is pressed. */
  readonly summary: ReactNode;
  /** What else is always shown, below the line. */
  readonly below?: ReactNode;
  /** What else is always shown, at the end of the line. */
  readonly aside?: ReactNode;
  readonly children: () => ReactNode;
}) {
  const [isOpen, setOpen] = useState(false);
  const id = useId();
  const Chevron = isOpen ? IconChevronDown : IconChevronRight;
  return (
    <Box px="sm" py={6}>
      <Group justify="space-between" gap="xs" align="flex-start">
        <Stack gap={2} className={classes.main}>
          <UnstyledButton
            aria-expanded={isOpen}
            aria-controls={isOpen ? id : undefined}
            onClick={() => setOpen(!isOpen)}
            className={classes.summary}
          >
            <Chevron size={16} aria-hidden className={classes.chevron} />
            <span>{summary}</span>
          </UnstyledButton>
          {below && <Box pl={24}>{below}</Box>}
        </Stack>
        {aside && (
          <Group gap="xs" className={classes.aside}>
            {aside}
          </Group>
        )}
      </Group>
      <Collapse expanded={isOpen}>
        <Box id={id} pl={{ base: 0, xs: 24 }} pt="xs" pb="xs">
          {isOpen && children()}
        </Box>
      </Collapse>
    </Box>
  );
}
