/** A small image made on the droplet itself of what every Debian has, with an HTTP server on one port. */
import type { RealDroplet } from "../../../lab/real/droplet.js";

const IMAGE = "tiny:1";

const IMPORT = `cd / && libraries=$(ldd /bin/dash /usr/bin/perl | grep -o '/lib[^ ]*' | sort -u | sed 's,^/,,')
tar -ch bin/dash bin/sleep usr/bin/perl usr/lib/x86_64-linux-gnu/perl-base $libraries | docker import - ${IMAGE}`;

/** Answers every request with its first line, and prints one line at the start. Its argument is the port. */
const SERVER = `
$SIG{TERM} = sub { exit };
$| = 1;
my $server = IO::Socket::INET->new(LocalPort => $ARGV[0], Listen => 9) or die;
print "listening\\n";
while (my $client = $server->accept) {
  my ($method, $route) = split " ", <$client>;
  while (<$client> =~ /\\S/) {}
  print $client "HTTP/1.1 200 OK\\r\\nConnection: close\\r\\n\\r\\n{\\"method\\":\\"$method\\",\\"route\\":\\"$route\\"}";
  close $client;
}`;

export const makeTinyImage = (droplet: RealDroplet): Promise<string> => droplet.run(["/bin/sh", "-c", IMPORT]);

/** Starts a server in a container. @param flags of `docker run` */
export const runServer = (droplet: RealDroplet, name: string, port: number, flags: readonly string[] = []) =>
  droplet.run([
    ...["docker", "run", "-d", "--name", name, "--init", ...flags, IMAGE],
    ...["perl", "-MIO::Socket::INET", "-e", SERVER, String(port)],
  ]);
