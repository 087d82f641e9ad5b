"""Slugs: which names a project can have on a server, and how to make one from any text."""

import re

# Names that Debian, its packages and the services a project runs beside already use for users, databases or units, and
# those that nginx's own variables begin with. The project's target would replace a target of systemd with that name,
# and its drop-in files would hold for each service whose name begins with the slug and a hyphen.
TAKEN = frozenset(
    """
    adm admin administrator all apache apt arg audio avahi backup basic beat bin bluetooth breakpoint caddy celery
    certbot chrony combined console container cookie crontab cryptdisks cryptsetup daemon dbus debian debug default
    dhcpcd dialout disk django docker dpkg emergency exit fax final floppy games getty gnats grafana graphical gunicorn
    halt haproxy hibernate http imports initrd input integritysetup irc kexec kmem kmod kvm list lp mail man memcached
    messagebus munin mysql network news nginx nobody nogroup none ntp operator packagekit paths plugdev polkitd postfix
    postgres postgresql poweroff printer prometheus proxy public quotaon rabbitmq rc reboot redis render rescue root
    rpcbind rtkit runlevel0 runlevel1 runlevel2 runlevel3 runlevel4 runlevel5 runlevel6 sasl sent sentry serial shadow
    shutdown sigpwr sleep slices smartcard sockets sound ssh sshd staff statd sudo suspend swap sync sys sysinit syslog
    system systemd tape tcpdump template0 template1 test timers tpm2 tss tty ubuntu umount upstream user users utmp
    uucp uuidd valkey veritysetup video voice worker www www_data x11
    """.split()
)


def is_slug(text: str) -> bool:
    """Return whether ``text`` has the form of a slug."""
    return re.fullmatch(r"[a-z](_{0,2}[a-z0-9])*", text) is not None and len(text) <= 30


def is_taken(slug: str) -> bool:
    """Return whether a server already uses a slug. PostgreSQL keeps names that begin with pg_ for itself."""
    return slug in TAKEN or slug.startswith("pg_")


def usable_slug(text: str) -> str:
    """Return a slug for ``text`` that a server does not use."""
    slug = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    if slug and (is_taken(slug) or not is_slug(slug[0])):
        slug = f"my_{slug}"
    return slug[:30].rstrip("_") or "my_project"
