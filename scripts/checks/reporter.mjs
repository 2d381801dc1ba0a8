import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';

/**
 * Vitest reporter of `npm test`: one line per file, failures in full when their file ends, and the
 * account of the run as JSON in the file that SONGMILL_TEST_ACCOUNT names, for `scripts/test.mjs`.
 */
export default class ClosingReporter {
  onInit(vitest) {
    this.vitest = vitest;
  }

  onUserConsoleLog(log) {
    process.stdout.write(log.content);
  }

  onTestModuleEnd(testModule) {
    const { passed, failed, skipped } = countOf(testModule);
    const faults = faultsOf(testModule);
    const seconds = (testModule.diagnostic().duration / 1000).toFixed(2);
    const mark = failed > 0 || faults.length > 0 ? 'FAILED' : 'ok';
    const counts = [`${passed} passed`, failed > 0 && `${failed} failed`, skipped > 0 && `${skipped} skipped`];
    const file = relative(this.vitest.config.root, testModule.moduleId);
    console.log(`${mark.padEnd(7)}${file}  ${counts.filter(Boolean).join(', ')}, ${seconds} s`);
    const { project } = testModule;
    for (const error of faults) this.print(`${file}, outside of its tests`, error, project);
    for (const test of testModule.children.allTests('failed')) {
      for (const error of test.result().errors ?? []) this.print(`${file} > ${test.fullName}`, error, project);
    }
  }

  onTestRunEnd(testModules, unhandledErrors, reason) {
    for (const error of unhandledErrors) this.print('unhandled error', error, this.vitest.getRootProject());
    const tests = testModules.flatMap((testModule) => [...testModule.children.allTests()]);
    const states = tests.map((test) => test.result().state);
    const faults = testModules.reduce((sum, testModule) => sum + faultsOf(testModule).length, unhandledErrors.length);
    const filtered = this.vitest.config.testNamePattern !== undefined;
    const account = {
      passed: states.filter((state) => state === 'passed').length,
      failed: states.filter((state) => state === 'failed').length,
      faults,
      // `pending` at the end: the test was never reached, because a hook failed or the worker died.
      skipped: tests
        .filter((_, index) => states[index] === 'skipped' || states[index] === 'pending')
        .map((test) => ({ name: nameOf(test, this.vitest.config.root), reason: reasonOf(test) }))
        .filter((test) => !filtered || test.reason !== NO_REASON),
      slowest: tests
        .map((test) => ({
          name: nameOf(test, this.vitest.config.root),
          milliseconds: test.diagnostic()?.duration ?? 0,
        }))
        .filter((test) => test.milliseconds > 0)
        .sort((a, b) => b.milliseconds - a.milliseconds)
        .slice(0, 10),
      interrupted: reason === 'interrupted',
    };
    const file = process.env.SONGMILL_TEST_ACCOUNT;
    if (file !== undefined) writeFileSync(file, JSON.stringify(account));
  }

  print(title, error, project) {
    console.log(`\n── ${title}`);
    this.vitest.logger.printError(error, { project });
  }
}

const NO_REASON = 'no reason given';

function countOf(testModule) {
  const count = { passed: 0, failed: 0, skipped: 0, pending: 0 };
  for (const test of testModule.children.allTests()) count[test.result().state] += 1;
  return { passed: count.passed, failed: count.failed, skipped: count.skipped + count.pending };
}

/** Errors of a file or a group itself: it does not load, or a beforeAll or afterAll failed. */
function faultsOf(testModule) {
  return [testModule, ...testModule.children.allSuites()].flatMap((part) => part.errors());
}

function nameOf(test, root) {
  return `${relative(root, test.module.moduleId)} > ${test.fullName}`;
}

/** Why a test was skipped: said to `skip`, declared by `requires` on it or a group around it, or a failed hook. */
function reasonOf(test) {
  const note = test.result().note;
  if (note !== undefined) return note;
  for (let part = test; part !== undefined && part.type !== 'module'; part = part.parent) {
    const missing = part.meta().missing;
    if (missing !== undefined) return missing;
  }
  return faultsOf(test.module).length > 0 ? 'the set-up before it failed' : NO_REASON;
}
