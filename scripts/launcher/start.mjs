import { chmodSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { findApiKey } from './api-key.mjs';
import { alreadyRuns, takeDataLock } from './data-lock.mjs';
import { LauncherError } from './failure.mjs';
import { keepRunning } from './keep-running.mjs';
import { readLyricSets, withReferences } from './lyric-sets.mjs';
import { nextCommands } from './next-commands.mjs';
import { becomesReady } from './readiness.mjs';
import { findRedis } from './redis-binary.mjs';
import { runSample } from './sample.mjs';
import { makeReferences } from './sample-references.mjs';
import { summarise } from './sample-summary.mjs';
import { openReceiver } from './sample-webhooks.mjs';
import { describeServices } from './services.mjs';
import { setUp } from './set-up.mjs';
import { allowsReceiver, readSettings, usesRealUpstream } from './settings.mjs';
import { confirm, lastUpstream, maySpend, rememberUpstream } from './spending.mjs';
import { parseStartOptions, START_HELP } from './start-options.mjs';
import { startSupervisor } from './supervisor.mjs';

/**
 * `npm start`: set up, start everything, make the sample songs, serve until told to stop.
 *
 * @param {{ root: string, args: string[], report: ReturnType<import('./report.mjs').createReport>,
 *   stop: ReturnType<import('./stop-requests.mjs').stopRequests> }} context
 * @returns {Promise<number>} the exit code
 */
export async function run({ root, args, report, stop }) {
  const options = parseStartOptions(args, root);
  if (options.help) {
    report.say(START_HELP);
    return 0;
  }
  const data = path.join(options.home, 'data');
  mkdirSync(data, { recursive: true });
  const lock = await takeDataLock({ data, report, signal: stop.signal });
  if (!lock.taken) {
    report.say(alreadyRuns(lock.holder));
    return options.exit ? 1 : 0;
  }
  try {
    return await serve({ root, options, report, stop, lock });
  } finally {
    lock.release();
  }
}

async function serve({ root, options, report, stop, lock }) {
  const settings = readSettings(options.home, process.env);
  const real = usesRealUpstream(settings);
  const sets = options.sample ? readLyricSets(path.join(root, 'examples', 'lyrics.jsonl')) : [];
  const asking = { input: process.stdin, output: process.stdout, signal: stop.signal, say: report.say };
  const sample = sets.length > 0 && (!real || (await maySpend({ ...asking, songs: sets.length, yes: options.yes })));
  if (options.exit && sets.length > 0 && !sample) return 1;
  await setUp({ root, report, signal: stop.signal });

  const failed = new AbortController();
  const closing = new AbortController();
  const signal = AbortSignal.any([stop.signal, failed.signal, closing.signal]);
  const supervisor = startSupervisor({ env: settings, onChange: () => lock.update({ children: supervisor.list() }) });
  lock.update({ watchdog: supervisor.identity });
  stop.now.addEventListener('abort', () => supervisor.insist(), { once: true });
  void supervisor.ended.then(() => {
    if (!signal.aborted) failed.abort(new LauncherError('the watchdog was ended from outside; everything is stopped'));
  });
  const context = { root, options, settings, real, asking, report, signal, supervisor, lock };
  context.keep = (service) =>
    keepRunning(service, { supervisor, signal, say: report.say, giveUp: (error) => failed.abort(error) });

  let code = 0;
  try {
    const running = await startEverything(context);
    if (sample) code = (await makeSample({ ...context, ...running, sets })) ? 0 : 1;
    if (!options.exit) {
      report.say();
      report.say(`${report.bold(`Songmill serves at ${running.url}`)}; Ctrl-C ends it.`);
      await aborted(signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    if (stop.signal.aborted && !stop.now.aborted) {
      report.say('stopping; paid calls that are open are finished first (Ctrl-C again: at once)');
    }
    // From here on the end of a child is no surprise.
    closing.abort();
    lock.update({ url: null });
    await supervisor.stop();
  }
  if (stop.signal.aborted) return options.exit ? stop.exitCode : 0;
  if (failed.signal.aborted) throw failed.signal.reason;
  return code;
}

/** Redis, then the simulator unless the upstream is real, then API and worker. */
async function startEverything({ root, options, settings, real, asking, report, signal, supervisor, lock, keep }) {
  const { home } = options;
  const services = describeServices({ root, home, settings });
  let redisUrl = settings.REDIS_URL;
  if (redisUrl === undefined) {
    const binary = await findRedis({ root, report, signal });
    const folder = path.join(home, 'data', 'redis');
    const onTemporary = supervisor.deleteAtTheEnd;
    redisUrl = await report.step('Redis, private, in ./data/redis', () =>
      keep(services.redis({ binary, folder, onTemporary })).then((url) => (chmodSync(folder, 0o700), url)),
    );
  }
  const from = process.env.INIT_CWD ?? process.cwd();
  const api = await services.api({ redisUrl, say: report.say });
  const startWorker = (simulatorUrl) => keep(services.worker({ redisUrl, simulatorUrl }));
  const connect = async (url) => {
    await becomesReady(url, signal);
    const { key, inShell } = await findApiKey({ url, home, settings, from, signal });
    const { Songmill } = await import(pathToFileURL(path.join(root, 'packages/client/dist/client.js')).href);
    return { url, inShell, client: new Songmill({ url, apiKey: key }) };
  };

  if (real) {
    // The worker comes last here: it would start to spend on what waits.
    const connected = await report.step('API', async () => await connect(await keep(api)));
    if (lastUpstream(home) === 'simulator')
      await allowLeftovers({ client: connected.client, yes: options.yes, asking });
    rememberUpstream(home, 'real');
    await report.step('worker', () => startWorker(null));
    lock.update({ url: connected.url });
    return { ...connected, from, simulatorUrl: null };
  }
  rememberUpstream(home, 'simulator');
  const [connected, simulatorUrl] = await report.step('API, worker, and a simulator of the upstream', () =>
    Promise.all([keep(api).then(connect), keep(services.simulator()).then((url) => startWorker(url).then(() => url))]),
  );
  lock.update({ url: connected.url });
  return { ...connected, from, simulatorUrl };
}

/** Songs asked for on the simulator must not become paid ones only because a key was set since. */
async function allowLeftovers({ client, yes, asking }) {
  const page = await client.generations.list({ status: ['queued', 'scheduled', 'processing'], limit: 100 });
  if (page.data.length === 0) return;
  const many = `${page.data.length}${page.has_more ? ' or more' : ''}`;
  const what = `${many} songs that were asked for on the simulator still wait and would now be made and paid for.`;
  if (yes) {
    asking.say(`${what} Agreed by --yes.`);
  } else if (!asking.input.isTTY || !asking.output.isTTY || !(await confirm(`${what}\nGo on? [y/N] `, asking))) {
    throw new LauncherError(`${what} Finish or cancel them without UPSTREAM_API_KEY first, or agree with --yes.`);
  }
}

/** @returns {Promise<boolean>} whether every song succeeded */
async function makeSample({ options, settings, report, signal, client, url, inShell, simulatorUrl, from, sets }) {
  const chargesBefore = await chargesOf(simulatorUrl);
  const { voice, instrumental } = await makeReferences({ client, own: options, report, signal });
  const receiver = allowsReceiver(settings) ? await openReceiver({ client, simulatorUrl, signal }) : null;
  const told = receiver === null ? {} : { webhook: receiver.webhook };
  const voiced = withReferences(sets, { voice, instrumental }).map((set) => ({ ...set, ...told }));
  const sampled = await runSample({ client, sets: voiced, folder: path.join(options.home, 'songs'), report, signal });
  const ledger = simulatorUrl === null ? null : (await chargesOf(simulatorUrl)) - chargesBefore;
  const webhooks = receiver === null ? [] : [await receiver.summary(sampled.length)];
  for (const line of ['', ...summarise(sampled, { from, ledger }), ...webhooks, '']) report.say(line);

  const folder = path.relative(from, path.join(options.home, 'songs'));
  const generationId = sampled.find(({ file }) => file !== null)?.generation.id ?? null;
  report.say(options.exit ? 'Next, after `npm start`:' : 'Next, in another terminal:');
  for (const line of nextCommands({ url, keyInShell: inShell, folder, voice, instrumental, generationId }))
    report.say(line);
  report.say();
  report.say(`Listen: ${folder}/   Documentation: ${url}/docs`);
  return sampled.every(({ file }) => file !== null);
}

/** @returns {Promise<number>} charges in the simulator's ledger so far; 0 on the real upstream */
async function chargesOf(simulatorUrl) {
  if (simulatorUrl === null) return 0;
  const response = await fetch(`${simulatorUrl}/_sim/ledger`);
  if (!response.ok) throw new LauncherError(`the simulator's ledger answers ${response.status}`);
  return (await response.json()).charges;
}

function aborted(signal) {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
