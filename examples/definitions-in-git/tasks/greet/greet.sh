#!/bin/sh
echo "Hello, $Name."
