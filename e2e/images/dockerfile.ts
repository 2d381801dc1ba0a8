import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '@songmill/shared/testing/processes';
import { Copy, DockerfileParser, From, type Instruction, JSONInstruction, PropertyInstruction } from 'dockerfile-ast';

export const DOCKERFILE = join(ROOT, 'Dockerfile');

/** One instruction of a Dockerfile, as far as our own Dockerfile needs it. */
export interface Step {
  readonly keyword: string;
  /** As written, flags included, with its continuation lines. */
  readonly text: string;
  /** The words, or the elements of a JSON array; flags left out. */
  readonly words: readonly string[];
  /** Of `COPY --from=`. */
  readonly from: string | null;
  /** Of ENV, ARG and LABEL. */
  readonly values: Readonly<Record<string, string>>;
}

/** A stage: what follows a FROM until the next one. */
export interface Stage {
  readonly name: string | null;
  readonly base: string;
  readonly steps: readonly Step[];
}

/** The stages of our Dockerfile, in order. */
export function readStages(): Stage[] {
  const stages: { name: string | null; base: string; steps: Step[] }[] = [];
  for (const instruction of DockerfileParser.parse(readFileSync(DOCKERFILE, 'utf8')).getInstructions()) {
    if (instruction instanceof From) {
      stages.push({ name: instruction.getBuildStage(), base: instruction.getImage() ?? '', steps: [] });
    } else {
      stages.at(-1)?.steps.push(stepOf(instruction));
    }
  }
  return stages;
}

function stepOf(instruction: Instruction): Step {
  const json = instruction instanceof JSONInstruction ? instruction.getJSONStrings() : [];
  const properties = instruction instanceof PropertyInstruction ? instruction.getProperties() : [];
  return {
    keyword: instruction.getKeyword(),
    text: instruction.getRawArgumentsContent() ?? '',
    words:
      json.length > 0
        ? json.map((each) => each.getJSONValue())
        : instruction.getArguments().map((each) => each.getValue()),
    from: instruction instanceof Copy ? (instruction.getFromFlag()?.getValue() ?? null) : null,
    values: Object.fromEntries(properties.map((each) => [each.getName(), each.getUnescapedValue() ?? ''])),
  };
}

/** All values that the ENV instructions of a stage set. */
export function environmentOf(stage: Stage): Record<string, string> {
  const set = stage.steps.filter(({ keyword }) => keyword === 'ENV').map(({ values }) => values);
  return Object.assign({}, ...set) as Record<string, string>;
}
