// Completion scripts. The shells only pass the line on; `pipe __complete` knows the candidates.

import {EXIT, type ExitCode} from '../exit.ts';
import type {Shell} from '../shell.ts';

export function completion({outside}: Shell, shell: string): ExitCode {
  outside.stdout.screen.write(shell === 'bash' ? BASH : shell === 'zsh' ? ZSH : FISH);
  return EXIT.ok;
}

// Bash breaks words at `=` and `:`; the candidates come back cut the same way. A candidate that ends in one of
// `=[,/` goes on, so no space follows it.
const BASH = String.raw`# Completion of pipe for bash. Use it with: source <(pipe completion bash)
_pipe_complete() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    COMPREPLY+=("$line")
  done < <(pipe __complete bash "$COMP_WORDBREAKS" "\${COMP_LINE:0:$COMP_POINT}" 2>/dev/null)
  if [ "\${#COMPREPLY[@]}" -eq 0 ]; then
    compopt -o default
  else
    case "\${COMPREPLY[0]}" in *[=[,/]) compopt -o nospace ;; esac
  fi
}
complete -F _pipe_complete pipe
`.replaceAll('\\${', '${');

const ZSH = String.raw`#compdef pipe
# Completion of pipe for zsh. Use it with: source <(pipe completion zsh), after compinit
_pipe() {
  local -a going_on done
  local line
  while IFS= read -r line; do
    case "$line" in *[=\[,/]) going_on+=("$line") ;; *) done+=("$line") ;; esac
  done < <(pipe __complete zsh '' "$LBUFFER" 2>/dev/null)
  if (( \${#going_on} + \${#done} == 0 )); then
    _files
  else
    (( \${#going_on} )) && compadd -S '' -- "\${going_on[@]}"
    (( \${#done} )) && compadd -- "\${done[@]}"
  fi
}
compdef _pipe pipe
`.replaceAll('\\${', '${');

const FISH = `# Completion of pipe for fish. Use it with: pipe completion fish | source
complete -c pipe -f -a '(pipe __complete fish "" (commandline -cp) 2>/dev/null)'
`;
