#!/bin/sh
# Stops an Azure virtual machine and gives its cores back, so that it costs no more than its disks.
# Signs in as the managed identity of the container; with several of them, AZURE_CLIENT_ID says which.
set -eu

fail() {
    printf 'stop-vm-azure: %s\n' "$1" >&2
    exit 1
}

: "${VMName:?is the name of the virtual machine}"
: "${ResourceGroupName:?is the resource group of the virtual machine}"
command -v az >/dev/null || fail 'az is missing: the image must hold the Azure CLI'

echo 'Signing in with the managed identity'
if [ -n "${AZURE_CLIENT_ID:-}" ]; then
    az login --identity --client-id "$AZURE_CLIENT_ID" --output none || fail "no sign-in as the managed identity $AZURE_CLIENT_ID: is it assigned to this container?"
else
    az login --identity --output none || fail 'no sign-in: is a managed identity assigned to this container?'
fi

az vm show --resource-group "$ResourceGroupName" --name "$VMName" --query id --output tsv ||
    fail "no virtual machine $VMName in $ResourceGroupName, or the identity may not read it"

echo "Stopping $VMName"
az vm deallocate --resource-group "$ResourceGroupName" --name "$VMName" --output none ||
    fail "$VMName was not stopped: may the identity do Microsoft.Compute/virtualMachines/deallocate/action?"

state=$(az vm get-instance-view --resource-group "$ResourceGroupName" --name "$VMName" \
    --query "instanceView.statuses[?starts_with(code, 'PowerState/')].displayStatus | [0]" --output tsv)
echo "$VMName: $state"
[ "$state" = 'VM deallocated' ] || fail "$VMName should be deallocated by now"
if [ -n "${ERRAND_OUTPUT:-}" ]; then
    # Azure's own rules for the names leave no character in them that JSON would have to escape.
    printf '{"vmName":"%s","resourceGroupName":"%s","powerState":"%s"}\n' "$VMName" "$ResourceGroupName" "$state" >"$ERRAND_OUTPUT"
fi
