/* The smallest app: one static binary, no signal handler, a process a connection. For rehearsing images that hold nothing else. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Reads up to the end of the head. */
static int asked(int client, char *text, size_t room) {
  size_t length = 0;
  while (length < room - 1) {
    ssize_t got = read(client, text + length, room - 1 - length);
    if (got <= 0) return 0;
    length += (size_t)got;
    text[length] = '\0';
    if (strstr(text, "\r\n\r\n")) return 1;
  }
  return 0;
}

static void answer(int client) {
  char text[8192], body[256];
  long ms = 0;
  const char *release = getenv("RELEASE");
  if (!asked(client, text, sizeof text)) return;
  if (sscanf(text, "GET /slow?ms=%ld", &ms) == 1) usleep((useconds_t)ms * 1000);
  int length = snprintf(body, sizeof body, "{\"release\":\"%.64s\"}", release ? release : "unknown");
  dprintf(client, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", length,
          body);
}

int main(void) {
  const char *port = getenv("PORT");
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port ? port : "80"))};
  int on = 1, server = socket(AF_INET, SOCK_STREAM, 0);
  signal(SIGCHLD, SIG_IGN);
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(server, (struct sockaddr *)&any, sizeof any) || listen(server, 128)) {
    perror("listen");
    return 1;
  }
  for (;;) {
    int client = accept(server, NULL, NULL);
    if (client < 0) continue;
    if (fork() == 0) {
      close(server);
      answer(client);
      _exit(0);
    }
    close(client);
  }
}
