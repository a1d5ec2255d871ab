#!/bin/bash
# server/: Elasticsearch from Maven Central's integ-test zip, with transport-netty4, x-pack-core and x-pack-security only.
# Licensed under the AGPLv3 or the Elastic License 2.0: it is fetched where the tests run and belongs in no image of ours.
set -euo pipefail
version=8.19.21
copy=org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy

rm -rf server "elasticsearch-$version"
mvn --quiet --batch-mode "$copy" -DoutputDirectory=. \
  -Dartifact="org.elasticsearch.distribution.integ-test-zip:elasticsearch:$version:zip"
python3 -m zipfile -e "elasticsearch-$version.zip" .
rm "elasticsearch-$version.zip"
mv "elasticsearch-$version" server
chmod +x server/bin/*

# API keys are kept in an index that asks for three parts of a module which the zip lacks.
stub=server/modules/audit-analysis
mkdir -p classes "$stub"
javac -nowarn -encoding UTF-8 -cp 'server/lib/*' -d classes AuditAnalysis.java
jar cf "$stub/audit-analysis.jar" -C classes .
rm -r classes
cat > "$stub/plugin-descriptor.properties" << END
description=three parts of analysis-common
version=$version
name=audit-analysis
classname=peers.AuditAnalysis
java.version=17
elasticsearch.version=$version
END
chmod -R a+rX server # it runs as another user when the tests run as root
