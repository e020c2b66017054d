# SPDX-License-Identifier: MIT
# dash, Debian's /bin/sh.
package=dash

compile() {
    ./configure --build=x86_64-linux-gnu --host=x86_64-perdure CC="$CC" CC_FOR_BUILD=gcc --without-libedit
    # Debian's patches change what the build files were made of; they are good as they are.
    local generated="builtins.o init.o nodes.o signames.o syntax.o priv.o" # priv.c is Debian's
    make -C src -j2 CC="$CC" CC_FOR_BUILD=gcc ACLOCAL=: AUTOCONF=: AUTOMAKE=: AUTOHEADER=: \
        dash_LDADD="$generated" dash_DEPENDENCIES="$generated"
    program dash src/*.o src/bltin/*.o
}
