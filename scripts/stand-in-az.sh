#!/bin/sh
# Stands in for the Azure CLI where there is no Azure: answers the few commands that the StopVM example uses, and keeps
# every call in a file that the run hands over with its other outputs.
set -eu

printf 'az %s\n' "$*" >&2
if [ -n "${ERRAND_OUTPUT_DIR:-}" ]; then
    printf '%s\n' "$*" >>"$ERRAND_OUTPUT_DIR/az-calls.txt"
fi

case "$*" in
    'login --identity'*)
        case "$*" in
            *'--output none'*) ;;
            *) printf '[{"environmentName":"AzureCloud","state":"Enabled","user":{"type":"servicePrincipal"}}]\n' ;;
        esac
        ;;
    'vm show '*)
        # A name to see the failing path with.
        case "$*" in
            *no-such-vm*)
                printf 'ERROR: (ResourceNotFound) The virtual machine was not found.\n' >&2
                exit 3
                ;;
        esac
        printf '/subscriptions/00000000-0000-0000-0000-000000000000/virtualMachines/stand-in\n'
        ;;
    'vm deallocate '*) ;;
    'vm get-instance-view '*)
        printf 'VM deallocated\n'
        ;;
    *)
        printf 'ERROR: the stand-in az does not know: az %s\n' "$*" >&2
        exit 2
        ;;
esac
