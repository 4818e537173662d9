/** A container group as it arrives in a PUT, checked. Names and shapes are those of the ARM API (2023-05-01). */
export interface GroupSpec {
  readonly location: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly zones?: readonly string[];
  readonly identity?: IdentitySpec;
  readonly properties: GroupProperties;
}

export interface IdentitySpec {
  readonly type: 'SystemAssigned' | 'UserAssigned' | 'SystemAssigned, UserAssigned' | 'None';
  readonly userAssignedIdentities?: Readonly<Record<string, object>>;
}

export interface GroupProperties {
  readonly sku?: string;
  readonly priority?: 'Regular' | 'Spot';
  readonly osType: 'Linux';
  readonly restartPolicy?: 'Always' | 'OnFailure' | 'Never';
  readonly containers: readonly ContainerSpec[];
  readonly initContainers?: readonly InitContainerSpec[];
  readonly volumes?: readonly VolumeSpec[];
  readonly imageRegistryCredentials?: readonly RegistryCredential[];
  readonly ipAddress?: IpAddress;
  readonly diagnostics?: { readonly logAnalytics?: LogAnalytics };
  readonly subnetIds?: readonly { readonly id: string; readonly name?: string }[];
  readonly dnsConfig?: Readonly<Record<string, unknown>>;
}

export interface LogAnalytics {
  readonly workspaceId: string;
  readonly workspaceKey?: string;
  readonly logType?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly workspaceResourceId?: string;
}

export interface IpAddress {
  readonly type: string;
  readonly ports: readonly Port[];
  readonly dnsNameLabel?: string;
}

export interface Port {
  readonly port: number;
  readonly protocol?: string;
}

export interface RegistryCredential {
  readonly server: string;
  readonly username?: string;
  readonly password?: string;
  readonly identity?: string;
}

export interface EnvironmentVariable {
  readonly name: string;
  readonly value?: string;
  readonly secureValue?: string;
}

export interface VolumeMount {
  readonly name: string;
  readonly mountPath: string;
  readonly readOnly?: boolean;
}

export interface InitContainerSpec {
  readonly name: string;
  readonly properties: {
    readonly image: string;
    readonly command?: readonly string[];
    readonly environmentVariables?: readonly EnvironmentVariable[];
    readonly volumeMounts?: readonly VolumeMount[];
  };
}

export interface ContainerSpec {
  readonly name: string;
  readonly properties: InitContainerSpec['properties'] & {
    readonly ports?: readonly Port[];
    readonly resources: { readonly requests: Resources; readonly limits?: Partial<Resources> };
  };
}

export interface Resources {
  readonly cpu: number;
  readonly memoryInGB: number;
}

export interface VolumeSpec {
  readonly name: string;
  readonly emptyDir?: Readonly<Record<string, unknown>>;
  /** File name → content in base64. */
  readonly secret?: Readonly<Record<string, string>>;
}

/** What the whole group asks for, in CPUs and GB. */
export function totalResources(spec: GroupSpec): Resources {
  const requests = spec.properties.containers.map((container) => container.properties.resources.requests);
  return {
    cpu: requests.reduce((sum, { cpu }) => sum + cpu, 0),
    memoryInGB: requests.reduce((sum, { memoryInGB }) => sum + memoryInGB, 0),
  };
}
