/** Task names: letters, digits, inner hyphens and underscores, at most 63. They name files and blobs, so nothing else is let in. */
export const taskNamePattern = /^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$/;

/** Names of environment variables: letters, digits and inner underscores, at most 63 (the rule of Azure Container Instances), no digit first (POSIX). */
export const variableNamePattern = /^[A-Za-z](?:[A-Za-z0-9_]{0,61}[A-Za-z0-9])?$/;

/** Names of executables: one path segment, so that no name can leave its folder. */
export const scriptNamePattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/** Names of files that a task may leave. */
export const outputNamePattern = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/;

/** Run ids: a ULID in lower case. They sort by time and fit into container names. */
export const runIdPattern = /^[0-9a-hjkmnp-tv-z]{26}$/;

export const labelNamePattern = /^[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$/;

/**
 * An image reference: optional registry host and port, path in lower case, optional tag, optional digest.
 * Source: the grammar of the distribution project's reference specification.
 */
export const imagePattern =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?(?::[0-9]{1,5})?\/)?[a-z0-9]+(?:(?:\.|_{1,2}|-{1,10})[a-z0-9]+){0,40}(?:\/[a-z0-9]+(?:(?:\.|_{1,2}|-{1,10})[a-z0-9]+){0,40}){0,20}(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(?:@sha256:[a-f0-9]{64})?$/;

/**
 * Environment names that make some interpreter, loader or tool run code, or that the shell itself owns.
 * No parameter may have one, since callers choose its value.
 */
const reservedNames: ReadonlySet<string> = new Set(
  (
    'PATH HOME SHELL USER LOGNAME TMPDIR PWD OLDPWD SHLVL IFS ENV BASH_ENV PS1 PS2 PS4 PROMPT_COMMAND SHELLOPTS BASHOPTS CDPATH GLOBIGNORE ' +
    'POSIXLY_CORRECT UID EUID GID PPID HOSTNAME OPTARG OPTIND OPTERR LINENO RANDOM SECONDS FUNCNEST ' +
    'BROWSER EDITOR VISUAL PAGER MANPAGER LESSOPEN LESSCLOSE TERMINFO TERMCAP ' +
    'LOCPATH NLSPATH HOSTALIASES RES_OPTIONS LOCALDOMAIN GCONV_PATH GLIBC_TUNABLES MALLOC_CHECK_ MALLOC_TRACE ' +
    'PERL5OPT PERL5LIB PERL5DB PERLLIB RUBYOPT RUBYLIB JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS _JAVA_OPTIONS CLASSPATH ' +
    'HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY FTP_PROXY http_proxy https_proxy all_proxy no_proxy ftp_proxy ' +
    'SSL_CERT_FILE SSL_CERT_DIR SSLKEYLOGFILE REQUESTS_CA_BUNDLE CURL_CA_BUNDLE CURL_HOME OPENSSL_CONF OPENSSL_ENGINES ' +
    'KUBECONFIG IDENTITY_ENDPOINT IDENTITY_HEADER MSI_ENDPOINT MSI_SECRET TRACEPARENT TRACESTATE'
  ).split(' '),
);

const reservedPrefixes = (
  'LD_ DYLD_ NODE_ NPM_ npm_ BASH_ PYTHON_ PYTHON PERL_ PERL5 RUBY_ JAVA_ _JAVA JDK_ GIT_ SSH_ DOCKER_ AZURE_ MSI_ IDENTITY_ WEBSITE_ FUNCTIONS_ ERRAND_ ' +
  'SSL_ CURL_ DOTNET_ CORECLR_ COMPlus_ LC_'
).split(' ');

/** Why a parameter may not have this name, or undefined where it may. Compared exactly: `Path` is free, `PATH` is not. */
export function reservedParameterName(name: string): string | undefined {
  if (reservedNames.has(name)) return `${name} is reserved: programs read it as a setting of their own`;
  const prefix = reservedPrefixes.find((candidate) => name.startsWith(candidate));
  return prefix === undefined ? undefined : `names that start with ${prefix} are reserved`;
}

const readonlyInShells: ReadonlySet<string> = new Set([
  'UID',
  'EUID',
  'PPID',
  'BASHOPTS',
  'SHELLOPTS',
  'BASH_VERSINFO',
]);

/** Why the author's `environment` may not set this name. Authors are trusted with more: all but Errand's own names, the loader's, and what no shell can set. */
export function reservedEnvironmentName(name: string): string | undefined {
  if (name.startsWith('ERRAND_') || name.startsWith('LD_'))
    return `names that start with ${name.slice(0, name.indexOf('_') + 1)} are reserved`;
  return readonlyInShells.has(name) ? `${name} is read-only in shells` : undefined;
}
