#!/bin/bash
# syslog-ng of Debian bookworm with what it needs, unpacked beside the system: installing it would start a daemon, and
# it conflicts with rsyslog. apt knows no older versions than the newest, so the upstream version is what is fixed.
set -eu
packages=('syslog-ng-core=3.38*' libivykis0 libnet1 libpcre3 libwrap0 libjson-c5 libglib2.0-0)
rm -rf debs unpacked
mkdir debs
cd debs
apt-get -qq download "${packages[@]}" || { apt-get -qq update && apt-get -qq download "${packages[@]}"; }
cd ..
for deb in debs/*.deb; do dpkg -x "$deb" unpacked; done
rm -r debs
mv unpacked root
