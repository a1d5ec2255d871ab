#!/bin/bash
# rsyslog of Debian bookworm with what it needs, unpacked beside the system: installing it would start a daemon, and it
# conflicts with syslog-ng. apt knows no older versions than the newest, so the upstream version is what is fixed.
set -eu
packages=('rsyslog=8.2302*' 'rsyslog-openssl=8.2302*' libestr0 libfastjson4 liblognorm5)
rm -rf debs unpacked
mkdir debs
cd debs
apt-get -qq download "${packages[@]}" || { apt-get -qq update && apt-get -qq download "${packages[@]}"; }
cd ..
for deb in debs/*.deb; do dpkg -x "$deb" unpacked; done
rm -r debs
mv unpacked root
