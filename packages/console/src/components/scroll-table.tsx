import { Table } from '@mantine/core';
import type { ReactNode } from 'react';

/** A table that scrolls sideways where it does not fit, also by keyboard. */
export function ScrollTable({
  label,
  minWidth,
  spacing = 'xs',
  children,
}: {
  /** What the rows are. */
  readonly label: string;
  readonly minWidth: number;
  readonly spacing?: 'xs' | 'sm';
  readonly children: ReactNode;
}) {
  return (
    <Table.ScrollContainer
      minWidth={minWidth}
      scrollAreaProps={{ viewportProps: { tabIndex: 0, role: 'region', 'aria-label': label } }}
    >
      <Table verticalSpacing={spacing} highlightOnHover>
        {children}
      </Table>
    </Table.ScrollContainer>
  );
}
