import { Anchor, type AnchorProps, Button, type ButtonProps } from '@mantine/core';
import { createLink } from '@tanstack/react-router';
import type { AnchorHTMLAttributes, Ref } from 'react';

type LinkAttributes<Own> = Own &
  Omit<AnchorHTMLAttributes<HTMLAnchorElement>, keyof Own> & { readonly ref?: Ref<HTMLAnchorElement> };

/** A link that looks like a button; its address and search are checked by the router's types. */
export const ButtonLink = createLink((props: LinkAttributes<ButtonProps>) => (
  <Button component="a" {...props} />
));

export const TextLink = createLink((props: LinkAttributes<AnchorProps>) => <Anchor {...props} />);
