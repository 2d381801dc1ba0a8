import { Argument, type Command } from 'commander';
import type { Io } from './io.ts';

/** What each shell runs; all of them ask the program itself, so they are never out of date. */
const SCRIPTS = {
  bash: `_songmill() {
  COMPREPLY=($(compgen -W "$(songmill complete-words -- "\${COMP_WORDS[@]:1:COMP_CWORD-1}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _songmill songmill
`,
  zsh: `#compdef songmill
_songmill() { compadd -- \${(f)"$(songmill complete-words -- "\${(@)words[2,CURRENT-1]}" 2>/dev/null)"} || _files }
compdef _songmill songmill
`,
  fish: `complete -c songmill -a '(songmill complete-words -- (commandline -opc)[2..] 2>/dev/null)'
`,
} as const;

/** \`songmill completion bash\` prints a script; \`complete-words\` answers it. */
export function addCompletion(program: Command, io: Io): void {
  program
    .command('completion')
    .description('print a script that completes commands in your shell: eval "$(songmill completion bash)"')
    .addArgument(new Argument('<shell>').choices(Object.keys(SCRIPTS)))
    .action((shell: keyof typeof SCRIPTS) => void io.stdout.write(SCRIPTS[shell]));
  program
    .command('complete-words', { hidden: true })
    .argument('[words...]')
    .action(
      (words: string[]) =>
        void io.stdout.write(
          wordsAfter(program, words)
            .map((word) => `${word}\n`)
            .join(''),
        ),
    );
}

/** What may come after these words. */
function wordsAfter(program: Command, before: readonly string[]): string[] {
  let at = program;
  for (const word of before) at = at.commands.find((command) => command.name() === word) ?? at;
  const { visibleCommands, visibleOptions } = visibleOf(at);
  const global = at === program ? [] : visibleOf(program).visibleOptions;
  return [...visibleCommands, ...visibleOptions, ...global];
}

function visibleOf(command: Command) {
  const help = command.createHelp();
  return {
    visibleCommands: help.visibleCommands(command).map((each) => each.name()),
    visibleOptions: help.visibleOptions(command).map((each) => each.long ?? ''),
  };
}
