import { systemClock } from '../ports/clock.ts';
import { describeRequestLimits } from './contract/request-limits-contract.ts';
import { createNodeLimits } from './node-limits.ts';

describeRequestLimits('of a node', async () => createNodeLimits(systemClock));
