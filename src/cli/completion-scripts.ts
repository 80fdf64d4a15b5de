// Completions for bash, zsh and fish as text. Nothing of ours runs when somebody presses Tab: all
// that is to be known stands in the script. It must not know where the table comes from.

import type { ArgumentRow, CommandRow, OptionRow, Value } from "./command-table.ts";

type Table = readonly CommandRow[];

/** Works from bash 3.2 on. What it leaves to the shell's own completion of file names is quoted as
 * it should be. */
export function bashScript(table: Table): string {
  const names = table.map(({ name }) => name);
  return `# bash completion for tidewire, made by \`tidewire completion bash\`.
_tidewire() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]}
  local command="" options="" rest="" word
  if [[ $current == "=" ]]; then
    current=""
  elif [[ $previous == "=" ]]; then
    previous=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in
      ${names.join("|")}) command=$word && break ;;
    esac
  done
  case $command in
${table.map(bashCase).join("\n")}
    *) options="--version --help" rest="${names.join(" ")}" ;;
  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  else
    case $rest in
      file) ;;
      folder) compopt -o dirnames +o default 2> /dev/null ;;
      *) _tidewire_words "$rest" ;;
    esac
  fi
}
_tidewire_words() {
  compopt +o default +o bashdefault 2> /dev/null
  COMPREPLY=($(compgen -W "$1" -- "$current"))
}
complete -o bashdefault -o default -F _tidewire tidewire
`;
}

function bashCase(row: CommandRow): string {
  const valued = row.options.filter(({ value }) => value && !value.optional);
  const cases = valued.map((option) => {
    return `        ${namesOf(option).join("|")}) ${bashValue(option.value as Value)}return ;;`;
  });
  const options = row.options.flatMap(namesOf).join(" ");
  const rest = row.arguments.map(({ value }) => restOf(value))[0] ?? "";
  return `    ${row.name})
      case $previous in
${cases.join("\n")}
      esac
      options="${options}" rest="${rest}"
      ;;`;
}

function bashValue({ kind, words }: Value): string {
  if (kind === "file") return "";
  if (kind === "folder") return "compopt -o dirnames +o default 2> /dev/null; ";
  return `_tidewire_words "${words.join(" ")}"; `;
}

function restOf({ kind, words }: Value): string {
  return kind === "file" || kind === "folder" ? kind : words.join(" ");
}

export function zshScript(table: Table): string {
  const described = table.map(({ name, summary }) => quoted(`${name}:${summary}`));
  return `#compdef tidewire
# zsh completion for tidewire, made by \`tidewire completion zsh\`.
_tidewire() {
  local -a commands
  commands=(
    ${described.join("\n    ")}
  )
  if (( CURRENT == 2 )); then
    _describe -t commands command commands
    _arguments '--version[print the version]' '(-h --help)'{-h,--help}'[show this help]'
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT -= 1 ))
  case $command in
${table.map(zshCase).join("\n")}
  esac
}
if [[ $funcstack[1] == _tidewire ]]; then
  _tidewire "$@"
else
  compdef _tidewire tidewire
fi
`;
}

function zshCase({ name, options, arguments: taken }: CommandRow): string {
  const specs = [...options.flatMap(zshOption), ...taken.map(zshArgument)];
  return `    ${name})
      _arguments -s -S \\
        ${specs.join(" \\\n        ")}
      ;;`;
}

function zshOption(option: OptionRow): string[] {
  const { description, value, repeats } = option;
  const names = namesOf(option);
  return names.map((name) => {
    const excluded = names.length > 1 && !repeats ? `(${names.join(" ")})` : "";
    const joined = value && name.startsWith("--") ? "=" : "";
    const separator = value?.optional ? "::" : ":";
    const after = value ? separator + zshMessage(value.name) + zshAction(value) : "";
    const text = description.replace(/[[\]\\]/g, "\\$&");
    return quoted(`${repeats ? "*" : excluded}${name}${joined}[${text}]${after}`);
  });
}

function zshArgument({ name, repeats, value }: ArgumentRow): string {
  const position = repeats ? "*" : `1${value.optional ? ":" : ""}`;
  return quoted(`${position}:${zshMessage(name)}${zshAction(value)}`);
}

function zshMessage(name: string): string {
  return name.replace(/:/g, "\\:");
}

function zshAction({ kind, words }: Value): string {
  if (kind === "file") return ":_files";
  if (kind === "folder") return ":_files -/";
  return kind === "words" ? `:(${words.join(" ")})` : ": ";
}

export function fishScript(table: Table): string {
  const names = table.map(({ name }) => name).join(" ");
  const lines = [
    "# fish completion for tidewire, made by `tidewire completion fish`.",
    "complete -c tidewire -f",
    fishLine(`not __fish_seen_subcommand_from ${names}`, ["-l version"], "print the version"),
  ];
  for (const { name, summary, options, arguments: taken } of table) {
    const none = `not __fish_seen_subcommand_from ${names}`;
    lines.push(fishLine(none, [`-a ${name}`], summary));
    const own = `__fish_seen_subcommand_from ${name}`;
    for (const { value } of taken) {
      const words = fishValue(value).filter((word) => word !== "-x");
      if (words.length > 0) lines.push(fishLine(own, words));
    }
    for (const { short, long, value, description } of options) {
      const flags = [...(short ? [`-s ${short.slice(1)}`] : []), `-l ${long.slice(2)}`];
      const takes = value && !value.optional ? fishValue(value) : [];
      lines.push(fishLine(own, [...flags, ...takes], description));
    }
  }
  return `${lines.join("\n")}\n`;
}

function fishValue({ kind, words }: Value): string[] {
  if (kind === "file") return ["-r", "-F"];
  if (kind === "folder") return ["-x", "-a '(__fish_complete_directories)'"];
  return kind === "words" ? ["-x", `-a ${fishQuoted(words.join(" "))}`] : ["-x"];
}

function fishLine(condition: string, words: readonly string[], description?: string): string {
  const told = description === undefined ? [] : [`-d ${fishQuoted(description)}`];
  return ["complete -c tidewire -n", fishQuoted(condition), ...words, ...told].join(" ");
}

function namesOf({ short, long }: OptionRow): string[] {
  return short ? [short, long] : [long];
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** In fish a backslash means something in single quotes, too. */
function fishQuoted(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
