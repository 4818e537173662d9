import ipaddr from 'ipaddr.js';

/** Which addresses webhooks may be sent to. */
export interface WebhookRules {
  /** The only hosts: `example.com`, `*.example.com` (not itself), with or without a port. Undefined: any that is public. */
  hosts?: readonly string[] | undefined;
  /** `host` or `host:port` that may be reached although internal, and over plain http: for development, and for receivers inside. */
  internal: readonly string[];
}

const httpsPort = '443';

/** Azure's own services answer every virtual machine here, at an address that looks public. Source: https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16 */
const azurePlatform = '168.63.129.16';

/** What is global of IPv6 today. Source: https://www.iana.org/assignments/ipv6-address-space */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3');

/** Why no webhook may be sent to this address (URL); undefined where it may, as far as can be told without resolving its host. */
export function targetProblem(text: string, rules: WebhookRules): string | undefined {
  if (!URL.canParse(text)) return 'it is no URL: write https://host/path';
  const url = new URL(text);
  if (url.username !== '' || url.password !== '')
    return 'it has a user or password in it: receivers are told who asks by the signature';
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'it must begin with https://';
  if (isExempt(url, rules)) return undefined;
  if (url.protocol !== 'https:') return 'it must begin with https://: what is sent could be read on its way';
  if (rules.hosts !== undefined && !rules.hosts.some((host) => matches(url, host)))
    return `its host is not among those that may be called: ${rules.hosts.join(', ')} (ERRAND_WEBHOOK_HOSTS)`;
  if (portOf(url) !== httpsPort && rules.hosts === undefined)
    return `its port is ${portOf(url)}: only 443 may be called, unless ERRAND_WEBHOOK_HOSTS names the host with its port`;
  const host = hostOf(url);
  return ipaddr.isValid(host) ? addressProblem(host) : undefined;
}

/** Whether the checks of addresses do not apply to this host. */
export function isExempt(url: URL, { internal }: WebhookRules): boolean {
  return internal.some((host) => matches(url, host));
}

/** Why an address (IP) is not public; undefined where it is. Whatever it is written as, and whatever is embedded in it. */
export function addressProblem(text: string): string | undefined {
  if (!ipaddr.isValid(text)) return `${text} is no address`;
  const address = ipaddr.process(text);
  const range = address.range();
  if (range !== 'unicast') return `${text} is not public (${range})`;
  if (address.toString() === azurePlatform) return `${text} is of the platform`;
  if (address instanceof ipaddr.IPv6 && !address.match(globalUnicast)) return `${text} is not public`;
  return undefined;
}

/** Host without brackets and final dot, as names are compared and resolved. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}

export function portOf({ port, protocol }: URL): string {
  return port === '' ? (protocol === 'http:' ? '80' : httpsPort) : port;
}

function matches(url: URL, rule: string): boolean {
  const [, name = rule, port] = /^(\[[^\]]*\]|[^:]*)(?::([0-9]+))?$/.exec(rule) ?? [];
  if (port !== undefined && port !== portOf(url)) return false;
  const host = hostOf(url);
  const wanted = name.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  return wanted.startsWith('*.') ? host.endsWith(wanted.slice(1)) && host.length > wanted.length - 1 : host === wanted;
}
