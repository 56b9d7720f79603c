import { setTimeout as delay } from 'node:timers/promises';
import { type AnyBulkWriteOperation, BSON, type Db, type Document, ObjectId } from 'mongodb';
import type { Change } from '../../ports/changes.ts';
import { isDuplicateKey, isOutage } from './errors.ts';
import type { CollectionName, CommittedCollections } from './schema.ts';
import type { StoredTime } from './stored-time.ts';

/** The collection of the log. */
export const commitsName = 'commits';
/** More changes than that are never told one by one. */
export const maxToldChanges = 10_000;
/**
 * Commits that are kept at least: a node that was stopped for a moment must still find the one after the last it knows,
 * and what it wrote late must still meet the traces of what was deleted since.
 */
const defaultKeptCommits = 100_000;
/** Parts of a commit that was never made are deleted when they are so old. */
const orphanAgeMs = 60 * 60 * 1000;
/** Documents are limited to 16 MB; a part leaves room for what stands around its writes. */
const maxPartBytes = 8_000_000;
/**
 * How long a commit of another node is given before we repeat it, as if that node had died: so long, and more for each
 * document. To repeat what somebody is still at does no harm, but twice the work.
 */
const patienceMs = 500;
const patiencePerDocumentMs = 1;
const maxPatienceMs = 5_000;
const firstPollMs = 5;
const maxPollMs = 50;
/** The time that a node leaves to others after a commit of its own: what that one took, within these. */
const minYieldMs = 20;
const maxYieldMs = 1_000;
const yieldPollMs = 5;
/** After so many commits of ours in a row probably nobody else wants to make one, and only one of as many is left to others. */
const yieldsAtFirst = 10;
/**
 * Updates of one command. FerretDB 1 stands still for good when there are a hundred under way, and two nodes can be at the
 * same commit.
 */
const updatesPerCommand = 40;
/** Commits to step over one by one; more are found faster by asking for the last. */
const maxSteps = 8;

/** Something that a commit writes; doing it again, at any time, changes nothing. */
type Write =
  | { readonly kind: 'insert'; readonly into: CollectionName; readonly documents: readonly Document[] }
  | {
      readonly kind: 'set';
      readonly in: CollectionName;
      readonly ids: readonly unknown[];
      readonly fields: Document;
    }
  | {
      readonly kind: 'set_where';
      readonly in: CollectionName;
      /** Fields and what they are equal to. */
      readonly where: Document;
      readonly fields: Document;
    }
  /** What was deleted by commits before that one goes for good. */
  | { readonly kind: 'purge'; readonly from: CollectionName; readonly before: number };

interface CommitDocument {
  /** Its number, written so that texts sort as numbers do. */
  readonly _id: string;
  /** What tells it from another of the same number that somebody else tried to make. */
  readonly nonce: string;
  /** The number of changes that were ever made, its own included. */
  readonly revision: number;
  /** Its last changes, as many as are ever told; `d` is null for a change of the app, `a` too for one of an API key. */
  readonly changes: readonly { readonly a: string | null; readonly d: string | null }[];
  readonly is_applied: boolean;
  /** How many documents it adds. */
  readonly size: number;
  /** What it writes; absent once that is done, and when it lies in parts. */
  readonly writes?: readonly Write[];
  /** How many documents of the collection of parts hold what it writes. */
  readonly parts: number;
}

interface PartDocument {
  readonly _id: string;
  readonly nonce: string;
  readonly writes: readonly Write[];
}

/** Where the log ends. */
export interface Head {
  readonly number: number;
  readonly revision: number;
}

/** Numbers that one commit can give; those of more commits than will ever be made are still whole. */
const numbersPerCommit = 1_000_000;

/** What a commit is to write, while it is put together. */
export interface Draft {
  /** A number that was never given, larger than those of all commits before. */
  nextNumber(): number;
  /** Logs a change of the app, or of what is remembered of one of its devices. */
  noteChange(appId: string, deviceId?: string | null): void;
  /** Logs a change of an API key. */
  noteKeyChange(): void;
  /** Adds documents whose ids are not in the collection. */
  insert<Name extends CollectionName>(
    into: Name,
    documents: readonly Omit<CommittedCollections[Name], 'commit'>[],
  ): void;
  /** Sets fields of documents that are in the collection. */
  set<Name extends CollectionName>(
    name: Name,
    ids: readonly CommittedCollections[Name]['_id'][],
    fields: Partial<Omit<CommittedCollections[Name], '_id' | 'commit'>>,
  ): void;
  /** Sets fields of all documents that have these values. */
  setWhere<Name extends CollectionName>(
    name: Name,
    where: Partial<Omit<CommittedCollections[Name], '_id' | 'commit'>>,
    fields: Partial<Omit<CommittedCollections[Name], '_id' | 'commit'>>,
  ): void;
  /** Lets go of the documents that commits before that one deleted. */
  purge(from: CollectionName, before: number): void;
}

/**
 * How several documents change as one, on any MongoDB: without transactions, without a lock that somebody could die
 * with, and without a clock.
 *
 * A commit is one document that holds all that it writes. Its number is one more than the last one's, and its number is
 * its id: of several nodes that make a commit at once, the insert of one succeeds, and the others look again at what is
 * there now. With that insert the commit is made, whole and durable. Then its writes are applied to the collections;
 * each document remembers the number of the commit that wrote it last and refuses older ones, so writes can be repeated
 * by anybody at any time. Nobody makes the next commit, and nobody reads, before the last one is applied: whoever finds
 * one that is not, waits for its node a moment and then applies it.
 */
export interface CommitLog {
  /**
   * Makes a commit of what is put into the draft, or none when that is nothing. What `prepare` reads is as of the moment
   * of the commit; it is called again when somebody else was faster. What it rejects with is passed on.
   */
  commit<Result>(prepare: (draft: Draft) => Promise<Result>): Promise<Result>;
  /** Waits until all that is committed can be read; answers the last commit. */
  settle(): Promise<Head>;
  /**
   * Runs a read of several documents until no commit that matters to it came in between.
   *
   * @param matters whether a change can have changed what is read
   */
  readAsOfOneMoment<Result>(
    read: (head: Head) => Promise<Result>,
    matters: (change: Change) => boolean,
  ): Promise<Result>;
  /** Changes after a revision up to the head, at most as many as are told; null when some of them are not there any more. */
  readChanges(after: number, head: Head): Promise<readonly Change[] | null>;
  /** Deletes what nobody will ask for; answers the number of the oldest commit that is kept. */
  deleteOld(): Promise<number>;
}

const idOf = (number: number): string => String(number).padStart(16, '0');
const headOf = ({ _id, revision }: CommitDocument): Head => ({ number: Number(_id), revision });
/** A commit without what it writes. */
const brief = { writes: 0 } as const;

/** Makes sure that there is a first commit; to be called once the log is to be used. */
export async function createFirstCommit(db: Db): Promise<void> {
  const first: CommitDocument = {
    _id: idOf(0),
    nonce: new ObjectId().toHexString(),
    revision: 0,
    changes: [],
    is_applied: true,
    size: 0,
    parts: 0,
  };
  const commits = db.collection<CommitDocument>(commitsName);
  // One that was deleted by age must not come back.
  if (await commits.findOne({}, { projection: brief })) return;
  await commits.insertOne(first).catch((error: unknown) => {
    if (!isDuplicateKey(error)) throw error;
  });
}

class DraftedCommit implements Draft {
  readonly writes: Write[] = [];
  changeCount = 0;
  changes: { a: string | null; d: string | null }[] = [];
  size = 0;
  readonly #firstNumber: number;
  #givenNumbers = 0;

  /** @param number of the commit, if nobody else is faster */
  constructor(number: number) {
    this.#firstNumber = number * numbersPerCommit;
  }

  nextNumber(): number {
    if (this.#givenNumbers === numbersPerCommit) throw new RangeError('A commit cannot give so many numbers');
    this.#givenNumbers += 1;
    return this.#firstNumber + this.#givenNumbers - 1;
  }

  noteChange(appId: string | null, deviceId: string | null = null): void {
    this.changeCount += 1;
    this.changes.push({ a: appId, d: deviceId });
  }

  noteKeyChange(): void {
    this.noteChange(null);
  }

  insert(into: CollectionName, documents: readonly object[]): void {
    this.size += documents.length;
    if (documents.length > 0) this.writes.push({ kind: 'insert', into, documents: documents as Document[] });
  }

  set(name: CollectionName, ids: readonly unknown[], fields: object): void {
    if (ids.length > 0) this.writes.push({ kind: 'set', in: name, ids, fields });
  }

  setWhere(name: CollectionName, where: object, fields: object): void {
    this.writes.push({ kind: 'set_where', in: name, where, fields });
  }

  purge(from: CollectionName, before: number): void {
    this.writes.push({ kind: 'purge', from, before });
  }
}

/** Cuts writes into lists that fit into a document each. */
function cutIntoParts(writes: readonly Write[]): readonly (readonly Write[])[] {
  const parts: Write[][] = [];
  let part: Write[] = [];
  let bytes = 0;
  function add(write: Write, size: number): void {
    if (part.length === 0 || bytes + size > maxPartBytes) {
      part = [];
      parts.push(part);
      bytes = 0;
    }
    part.push(write);
    bytes += size;
  }
  for (const write of writes) {
    const size = BSON.calculateObjectSize(write);
    if (write.kind !== 'insert' || size <= maxPartBytes) {
      add(write, size);
      continue;
    }
    let documents: Document[] = [];
    let documentBytes = 0;
    for (const document of write.documents) {
      const documentSize = BSON.calculateObjectSize(document);
      if (documents.length > 0 && documentBytes + documentSize > maxPartBytes) {
        add({ ...write, documents }, documentBytes);
        documents = [];
        documentBytes = 0;
      }
      documents.push(document);
      documentBytes += documentSize;
    }
    add({ ...write, documents }, documentBytes);
  }
  return parts;
}

/**
 * One after the other, in the order in which they come. Who waited while the database turned out to be away is told so at
 * once: each would find out for itself, one after the other, and the last ones long after their callers have gone.
 */
function createTurns() {
  let last: Promise<unknown> = Promise.resolve();
  let outage: { readonly error: unknown; readonly atMs: number } | undefined;
  return <Result>(run: () => Promise<Result>): Promise<Result> => {
    const cameAtMs = performance.now();
    const mine = last.then(async () => {
      if (outage && outage.atMs > cameAtMs) throw outage.error;
      try {
        return await run();
      } catch (error) {
        if (isOutage(error)) outage = { error, atMs: performance.now() };
        throw error;
      }
    });
    last = mine.catch(() => undefined);
    return mine;
  };
}

/** @param keptCommits how many of the last commits are kept at least */
export function createCommitLog(
  db: Db,
  { keptCommits = defaultKeptCommits }: { readonly keptCommits?: number } = {},
): CommitLog {
  const commits = db.collection<CommitDocument>(commitsName);
  const parts = db.collection<PartDocument>('commit_parts');
  const inTurn = createTurns();
  /** The last commit we saw. */
  let known: Head | undefined;
  /** The last commit of ours, of how many in a row it was the last, and how long it took. */
  let own:
    | {
        readonly number: number;
        readonly inARow: number;
        readonly tookMs: number;
        readonly doneAtMs: number;
      }
    | undefined;
  /** The commit of ours that is being applied. */
  let applying: { readonly number: number; readonly done: Promise<void> } | undefined;

  const findCommit = (number: number): Promise<CommitDocument | null> =>
    commits.findOne({ _id: idOf(number) }, { projection: brief });

  /** Looks first where the last one was: that asks for ids only, whatever the size of the log. */
  async function findLast(): Promise<CommitDocument> {
    if (known) {
      let number = known.number;
      let [last, next] = await Promise.all([findCommit(number), findCommit(number + 1)]);
      for (let step = 0; last && next && step < maxSteps; step += 1) {
        number += 1;
        last = next;
        next = await findCommit(number + 1);
      }
      if (last && !next) return last;
    }
    const [last] = await commits.find({}, { projection: brief }).sort({ _id: -1 }).limit(1).toArray();
    if (!last) throw new Error('The log of commits has no first one');
    return last;
  }

  async function insert(into: CollectionName, given: readonly Document[], number: number): Promise<void> {
    const documents = given.map((document) => ({ ...document, commit: number }));
    await db
      .collection(into)
      .insertMany(documents, { ordered: false })
      .catch((error: unknown) => {
        // Those that are there were inserted before: nobody else gives the same ids.
        if (!isDuplicateKey(error)) throw error;
      });
  }

  /** What sets fields, as the driver takes many at once. */
  function toUpdate(write: Extract<Write, { fields: Document }>, number: number): AnyBulkWriteOperation {
    const isOlder = { commit: { $not: { $gte: number } } };
    const update = { $set: { ...write.fields, commit: number } };
    if (write.kind === 'set_where') return { updateMany: { filter: { ...write.where, ...isOlder }, update } };
    const [first] = write.ids;
    if (write.ids.length > 1) {
      return { updateMany: { filter: { _id: { $in: write.ids }, ...isOlder } as Document, update } };
    }
    return { updateOne: { filter: { _id: first, ...isOlder } as Document, update } };
  }

  /** Documents that are inserted and those of which fields are set are different ones, so all can be done at once. */
  async function applyWrites(writes: readonly Write[], number: number): Promise<void> {
    const updates = new Map<CollectionName, AnyBulkWriteOperation[]>();
    const underWay: Promise<unknown>[] = [];
    for (const write of writes) {
      if (write.kind === 'insert') {
        underWay.push(insert(write.into, write.documents, number));
      } else if (write.kind === 'purge') {
        const old = { gone: true, commit: { $lt: write.before } };
        underWay.push(db.collection(write.from).deleteMany(old));
      } else {
        const ofCollection = updates.get(write.in) ?? [];
        ofCollection.push(toUpdate(write, number));
        updates.set(write.in, ofCollection);
      }
    }
    // One command after the other: see `updatesPerCommand`.
    const update = async () => {
      for (const [name, operations] of updates) {
        for (let at = 0; at < operations.length; at += updatesPerCommand) {
          await db
            .collection(name)
            .bulkWrite(operations.slice(at, at + updatesPerCommand), { ordered: false });
        }
      }
    };
    await Promise.all([...underWay, update()]);
  }

  async function readWrites({
    _id,
    nonce,
    parts: count,
  }: CommitDocument): Promise<readonly Write[] | undefined> {
    if (count === 0) return (await commits.findOne({ _id }))?.writes;
    const ids = Array.from({ length: count }, (_each, index) => `${nonce}:${index}`);
    const found = await Promise.all(ids.map((id) => parts.findOne({ _id: id })));
    // The parts go once all is applied, so when one is missing somebody else has done that.
    return found.includes(null) ? undefined : found.flatMap((part) => part?.writes ?? []);
  }

  async function apply(commit: CommitDocument, given?: readonly Write[]): Promise<void> {
    const writes = given ?? (await readWrites(commit));
    const number = Number(commit._id);
    if (writes) await applyWrites(writes, number);
    await commits.updateOne({ _id: commit._id }, { $set: { is_applied: true }, $unset: { writes: '' } });
    if (commit.parts > 0) await parts.deleteMany({ nonce: commit.nonce });
  }

  /** Applies a commit of ours, so that those who wait for it in this process need not ask the database. */
  async function applyOwn(commit: CommitDocument, writes: readonly Write[]): Promise<void> {
    const number = Number(commit._id);
    const done = apply(commit, writes);
    applying = { number, done };
    try {
      await done;
      known = headOf(commit);
    } catch {
      // It is made, and durable: whoever comes next applies it, or learns that the database cannot be used.
    } finally {
      applying = undefined;
    }
  }

  async function settle(): Promise<Head> {
    let waitingFor: number | undefined;
    let deadline = 0;
    let pollMs = firstPollMs;
    for (;;) {
      const last = await findLast();
      const head = headOf(last);
      known = head;
      if (last.is_applied) return head;
      if (applying?.number === head.number) {
        await applying.done.catch(() => undefined);
        continue;
      }
      const now = performance.now();
      if (waitingFor !== head.number) {
        waitingFor = head.number;
        deadline = now + Math.min(patienceMs + last.size * patiencePerDocumentMs, maxPatienceMs);
      }
      if (now >= deadline) await apply(last);
      else await delay(pollMs);
      pollMs = Math.min(pollMs * 2, maxPollMs);
    }
  }

  /** Answers whether the commit was made; false when another of that number was. */
  async function insertCommit(head: Head, commit: CommitDocument): Promise<boolean> {
    try {
      await commits.insertOne(commit);
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      const found = await findCommit(head.number + 1);
      return found?.nonce === commit.nonce;
    }
    // Old commits are deleted from the oldest on: as long as the one before is there, the number was never used.
    if (await findCommit(head.number)) return true;
    await commits.deleteOne({ _id: commit._id, nonce: commit.nonce });
    known = undefined;
    return false;
  }

  async function tryCommit(head: Head, draft: DraftedCommit): Promise<boolean> {
    const cut = cutIntoParts(draft.writes);
    const nonce = new ObjectId().toHexString();
    const isWhole = cut.length <= 1;
    const commit: CommitDocument = {
      _id: idOf(head.number + 1),
      nonce,
      revision: head.revision + draft.changeCount,
      changes: draft.changes.slice(-maxToldChanges),
      is_applied: false,
      size: draft.size,
      ...(isWhole ? { writes: draft.writes } : {}),
      parts: isWhole ? 0 : cut.length,
    };
    if (!isWhole) {
      // One by one, because the messages to the server are limited, too.
      for (const [index, writes] of cut.entries()) {
        await parts.insertOne({ _id: `${nonce}:${index}`, nonce, writes });
      }
    }
    const isMade = await insertCommit(head, commit);
    if (isMade) await applyOwn(commit, draft.writes);
    else if (!isWhole) await parts.deleteMany({ nonce });
    return isMade;
  }

  /**
   * Soon after a commit of ours leaves the next one to others who make some, too. Whoever lost has more to write by then
   * and takes longer to prepare it; without this it would lose again. Who loses cannot say so, so one who makes all the
   * commits still leaves some of them to others.
   */
  async function yieldToOthers(head: Head): Promise<Head> {
    if (own?.number !== head.number) return head;
    if (own.inARow > yieldsAtFirst && own.inARow % yieldsAtFirst !== 0) return head;
    const deadline = own.doneAtMs + Math.min(Math.max(own.tookMs, minYieldMs), maxYieldMs);
    while (performance.now() < deadline) {
      if (await findCommit(head.number + 1)) {
        // Of several others those that were too late for that one are ready now.
        await delay(Math.random() * minYieldMs);
        break;
      }
      await delay(yieldPollMs);
    }
    return settle();
  }

  async function commit<Result>(prepare: (draft: Draft) => Promise<Result>): Promise<Result> {
    let head = await yieldToOthers(await settle());
    for (; ; head = await settle()) {
      const startedMs = performance.now();
      const draft = new DraftedCommit(head.number + 1);
      let result: Result;
      try {
        result = await prepare(draft);
      } catch (error) {
        // What was refused can have been refused for what was half applied, if somebody else made a commit meanwhile.
        // With the database away it was not refused, and to look would only keep the caller waiting.
        if (!isOutage(error) && (await findCommit(head.number + 1))) continue;
        throw error;
      }
      if (draft.writes.length === 0 && draft.changeCount === 0) return result;
      if (await tryCommit(head, draft)) {
        const number = head.number + 1;
        const inARow = own?.number === head.number ? own.inARow + 1 : 1;
        const doneAtMs = performance.now();
        own = { number, inARow, tookMs: doneAtMs - startedMs, doneAtMs };
        return result;
      }
    }
  }

  const toChange = ({ a, d }: { readonly a: string | null; readonly d: string | null }): Change => ({
    appId: a,
    deviceId: d,
  });

  /** Commits after one, oldest first; undefined when some of them are not there any more. */
  async function findAfter(head: Head): Promise<readonly CommitDocument[] | undefined> {
    const next = await findCommit(head.number + 1);
    if (!next) return (await findCommit(head.number)) ? [] : undefined;
    return commits
      .find({ _id: { $gt: idOf(head.number) } }, { projection: brief })
      .sort({ _id: 1 })
      .toArray();
  }

  return {
    commit: (prepare) => inTurn(() => commit(prepare)),
    settle,

    async readAsOfOneMoment(read, matters) {
      for (;;) {
        const head = await settle();
        const result = await read(head);
        const later = await findAfter(head);
        const isDisturbed =
          later?.some(({ changes }) => changes.some((each) => matters(toChange(each)))) ?? true;
        if (!isDisturbed) return result;
      }
    },

    async readChanges(after, head) {
      const found = await commits
        .find({ revision: { $gt: after } }, { projection: brief })
        .sort({ _id: 1 })
        .toArray();
      const changes: Change[] = [];
      for (const each of found) {
        if (Number(each._id) > head.number) break;
        const firstTold = each.revision - each.changes.length + 1;
        const wanted = each.changes.slice(Math.max(0, after + 1 - firstTold));
        changes.push(...wanted.map(toChange));
      }
      return changes.length === head.revision - after ? changes : null;
    },

    async deleteOld() {
      const head = await settle();
      const oldest = head.number - keptCommits;
      if (oldest > 0) await commits.deleteMany({ _id: { $lt: idOf(oldest) } });
      const { localTime } = (await db.command({ isMaster: 1 })) as { readonly localTime: StoredTime };
      const youngest = ObjectId.createFromTime(Math.floor((localTime.getTime() - orphanAgeMs) / 1000));
      await parts.deleteMany({ nonce: { $lt: youngest.toHexString() } });
      return oldest;
    },
  };
}
