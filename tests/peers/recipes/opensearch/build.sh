#!/bin/bash
# server/: OpenSearch from Maven Central's integ-test zip (Apache-2.0): the server with transport-netty4 alone, so
# without its security plugin and without processors for ingest pipelines.
set -euo pipefail
version=2.19.5
copy=org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy

rm -rf server "opensearch-$version"
mvn --quiet --batch-mode "$copy" -DoutputDirectory=. \
  -Dartifact="org.opensearch.distribution.integ-test-zip:opensearch:$version:zip"
python3 -m zipfile -e "opensearch-$version.zip" .
rm "opensearch-$version.zip"
mv "opensearch-$version" server
chmod +x server/bin/*
chmod -R a+rX server # it runs as another user when the tests run as root
