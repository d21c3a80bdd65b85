/* Copyright 2026 The hybrid_perception authors
   SPDX-License-Identifier: Apache-2.0

   A libcuda.so.1 for machines without a GPU: what hybrid_perception.backends.cuda calls, with the
   rules of the driver API that it has to keep. Streams are threads; memory of the "GPU" is memory
   of the host under addresses that no host code can use; a copy must stay inside one allocation on
   either side; a capture records, and whoever allocates or waits during one breaks it. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API __attribute__((visibility("default"))) int
enum { SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, INVALID_CONTEXT = 201,
       STREAM_CAPTURE_UNSUPPORTED = 900, STREAM_CAPTURE_INVALIDATED = 901 };
enum { MEMORY, PINNED, STREAMS, EVENTS, GRAPHS, EXECS, KINDS };
enum { COPY, FILL, HOST, MARK };

typedef struct Block { char *base; size_t size; int kind; struct Block *next; } Block;
typedef struct Event { uint64_t asked, done; } Event;
typedef struct Step { int what; char *to, *from; size_t size; void (*fn)(void *); void *data;
                      Event *event; uint64_t mark; struct Step *next; } Step;
typedef struct { Step *first, *last; } Graph;
typedef struct { pthread_t thread; Graph todo, *captured; int working, ending, broken; } Stream;

static const uint64_t FAR = 1ull << 62;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static Block *blocks;
static long live[KINDS];
static size_t capacity = SIZE_MAX, used;
static char fault_name[64];
static int fault_in, fault_status, lost, context;
static __thread void *current;
static __thread Stream *capturing;

/* ---- what tests ask and set ---- */
API fake_live(int kind) { return (int)live[kind]; }
API fake_capacity(size_t bytes) { capacity = bytes ? bytes : SIZE_MAX; return 0; }
API fake_fail(const char *name, int nth, int status) {
  snprintf(fault_name, sizeof fault_name, "%s", name); fault_in = nth; fault_status = status; return 0; }
API fake_lose(int status) { lost = status; return 0; }
__attribute__((visibility("default"))) void *fake_memory(uint64_t address) {
  return (void *)(uintptr_t)(address & ~FAR); }

static int fault(const char *name) {
  if (strcmp(name, fault_name) || fault_in < 1 || --fault_in) return 0;
  return fault_status; }
#define ENTER() do { int f = fault(__func__); if (f) return f; if (lost) return lost; \
                     if (!current) return INVALID_CONTEXT; } while (0)
#define NOT_IN_CAPTURE() do { if (capturing) { capturing->broken = 1; \
                              return STREAM_CAPTURE_UNSUPPORTED; } } while (0)

static Block *add(int kind, size_t size) {
  Block *block = malloc(sizeof *block); *block = (Block){malloc(size ? size : 1), size, kind, blocks};
  memset(block->base, 0xA5, size); blocks = block; live[kind]++; return block; }
static int drop(int kind, char *base) {
  for (Block **at = &blocks; *at; at = &(*at)->next)
    if ((*at)->base == base && (*at)->kind == kind) {
      Block *gone = *at; *at = gone->next; if (kind == MEMORY) used -= gone->size;
      free(gone->base); free(gone); live[kind]--; return SUCCESS; }
  return INVALID_VALUE; }
static int inside(int kind, char *at, size_t size) {
  for (Block *b = blocks; b; b = b->next)
    if (b->kind == kind && at >= b->base && at + size <= b->base + b->size) return 1;
  return 0; }

static void append(Graph *graph, Step step) {
  Step *kept = malloc(sizeof *kept); *kept = step; kept->next = NULL;
  if (graph->last) graph->last->next = kept; else graph->first = kept;
  graph->last = kept; }
static void clear(Graph *graph) {
  for (Step *s = graph->first; s;) { Step *next = s->next; free(s); s = next; }
  graph->first = graph->last = NULL; }
static int put(Stream *stream, Step step) {
  if (stream->captured && stream->broken) return STREAM_CAPTURE_INVALIDATED;
  pthread_mutex_lock(&lock);
  append(stream->captured ? stream->captured : &stream->todo, step);
  pthread_cond_broadcast(&changed); pthread_mutex_unlock(&lock); return SUCCESS; }
static void *work(void *argument) {
  Stream *stream = argument; pthread_mutex_lock(&lock);
  for (;;) {
    while (!stream->todo.first && !stream->ending) pthread_cond_wait(&changed, &lock);
    Step *step = stream->todo.first; if (!step) break;
    stream->todo.first = step->next; if (!step->next) stream->todo.last = NULL;
    stream->working = 1; pthread_mutex_unlock(&lock);
    if (!lost) {
      if (step->what == COPY) memcpy(step->to, step->from, step->size);
      if (step->what == FILL) memset(step->to, (int)step->mark, step->size);
      if (step->what == HOST) step->fn(step->data); }
    pthread_mutex_lock(&lock); stream->working = 0;
    if (step->what == MARK) step->event->done = step->mark;
    free(step); pthread_cond_broadcast(&changed); }
  pthread_mutex_unlock(&lock); return NULL; }

/* ---- device ---- */
API cuInit(unsigned flags) { (void)flags; return fault("cuInit"); }
API cuDriverGetVersion(int *version) { *version = 12060; return fault("cuDriverGetVersion"); }
API cuGetErrorString(int status, const char **text) {
  *text = status == OUT_OF_MEMORY ? "out of memory" : status == INVALID_VALUE ? "invalid argument"
    : status == INVALID_CONTEXT ? "invalid device context"
    : status == 700 ? "an illegal memory access was encountered"
    : status == STREAM_CAPTURE_UNSUPPORTED ? "operation not permitted when stream is capturing"
    : status == STREAM_CAPTURE_INVALIDATED ? "operation failed due to a previous error during capture"
    : NULL;
  return *text ? SUCCESS : INVALID_VALUE; }
API cuDeviceGetCount(int *count) { *count = fault("cuDeviceGetCount") ? 0 : 1; return SUCCESS; }
API cuDeviceGet(int *device, int ordinal) { *device = ordinal; return ordinal ? 101 : SUCCESS; }
API cuDeviceGetName(char *name, int size, int device) {
  (void)device; snprintf(name, (size_t)size, "Orin"); return SUCCESS; }
API cuDeviceGetAttribute(int *value, int attribute, int device) {
  (void)device; *value = attribute == 75 ? 8 : attribute == 76 ? 7 : attribute == 16 ? 16
    : attribute == 18 ? 1 : -1;
  return fault("cuDeviceGetAttribute"); }
API cuDevicePrimaryCtxRetain(void **made, int device) {
  (void)device; *made = &context; return fault("cuDevicePrimaryCtxRetain"); }
API cuCtxSetCurrent(void *chosen) { current = chosen; return lost; }

/* ---- memory ---- */
API cuMemGetInfo_v2(size_t *left, size_t *total) { *left = capacity - used; *total = capacity; return SUCCESS; }
API cuMemAlloc_v2(uint64_t *address, size_t size) {
  ENTER(); NOT_IN_CAPTURE(); pthread_mutex_lock(&lock);
  int full = size > capacity - used;
  if (!full) { used += size; *address = (uint64_t)(uintptr_t)add(MEMORY, size)->base | FAR; }
  pthread_mutex_unlock(&lock); return full ? OUT_OF_MEMORY : SUCCESS; }
API cuMemFree_v2(uint64_t address) {
  pthread_mutex_lock(&lock); int status = drop(MEMORY, fake_memory(address));
  pthread_mutex_unlock(&lock); return status; }
API cuMemHostAlloc(void **made, size_t size, unsigned flags) {
  (void)flags; ENTER(); NOT_IN_CAPTURE(); pthread_mutex_lock(&lock);
  *made = add(PINNED, size)->base; pthread_mutex_unlock(&lock); return SUCCESS; }
API cuMemFreeHost(void *made) {
  pthread_mutex_lock(&lock); int status = drop(PINNED, made); pthread_mutex_unlock(&lock); return status; }
static int copy(uint64_t far, void *host, char *to, char *from, size_t size, Stream *stream) {
  pthread_mutex_lock(&lock);
  int right = (far & FAR) && inside(MEMORY, fake_memory(far), size) && inside(PINNED, host, size);
  pthread_mutex_unlock(&lock);
  return right ? put(stream, (Step){.what = COPY, .to = to, .from = from, .size = size}) : INVALID_VALUE; }
API cuMemcpyHtoDAsync_v2(uint64_t to, void *from, size_t size, Stream *stream) {
  ENTER(); return copy(to, from, fake_memory(to), from, size, stream); }
API cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t size, Stream *stream) {
  ENTER(); return copy(from, to, to, fake_memory(from), size, stream); }
API cuMemsetD8Async(uint64_t to, unsigned char value, size_t size, Stream *stream) {
  ENTER(); return put(stream, (Step){.what = FILL, .to = fake_memory(to), .size = size, .mark = value}); }

/* ---- streams and events ---- */
API cuStreamCreate(Stream **made, unsigned flags) {
  (void)flags; ENTER(); *made = calloc(1, sizeof **made); live[STREAMS]++;
  return pthread_create(&(*made)->thread, NULL, work, *made) ? OUT_OF_MEMORY : SUCCESS; }
API cuStreamSynchronize(Stream *stream) {
  ENTER(); if (stream->captured) { stream->broken = 1; return STREAM_CAPTURE_UNSUPPORTED; }
  pthread_mutex_lock(&lock);
  while (stream->todo.first || stream->working) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock); return lost; }
API cuStreamDestroy_v2(Stream *stream) {
  pthread_mutex_lock(&lock); stream->ending = 1; pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock); pthread_join(stream->thread, NULL);
  free(stream); live[STREAMS]--; return SUCCESS; }
API cuLaunchHostFunc(Stream *stream, void (*fn)(void *), void *data) {
  ENTER(); return put(stream, (Step){.what = HOST, .fn = fn, .data = data}); }
API cuEventCreate(Event **made, unsigned flags) {
  (void)flags; ENTER(); *made = calloc(1, sizeof **made); live[EVENTS]++; return SUCCESS; }
API cuEventRecord(Event *event, Stream *stream) {
  ENTER(); pthread_mutex_lock(&lock); uint64_t mark = ++event->asked; pthread_mutex_unlock(&lock);
  return put(stream, (Step){.what = MARK, .event = event, .mark = mark}); }
API cuEventSynchronize(Event *event) {
  ENTER(); NOT_IN_CAPTURE(); pthread_mutex_lock(&lock);
  while (event->done < event->asked) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock); return lost; }
API cuEventDestroy_v2(Event *event) { free(event); live[EVENTS]--; return SUCCESS; }

/* ---- graphs ---- */
API cuStreamBeginCapture_v2(Stream *stream, int mode) {
  ENTER(); if (stream->captured) return STREAM_CAPTURE_UNSUPPORTED;
  stream->captured = calloc(1, sizeof(Graph)); stream->broken = mode != 1; capturing = stream;
  live[GRAPHS]++; return SUCCESS; }
API cuStreamEndCapture(Stream *stream, Graph **made) {
  if (!stream->captured) return INVALID_VALUE;
  Graph *graph = stream->captured; stream->captured = NULL; capturing = NULL; *made = graph;
  int status = stream->broken ? STREAM_CAPTURE_INVALIDATED : fault("cuStreamEndCapture");
  if (status) { clear(graph); free(graph); live[GRAPHS]--; *made = NULL; }
  stream->broken = 0; return status; }
API cuGraphInstantiateWithFlags(Graph **made, Graph *graph, unsigned long long flags) {
  (void)flags; ENTER(); *made = calloc(1, sizeof **made); live[EXECS]++;
  for (Step *s = graph->first; s; s = s->next) append(*made, *s);
  return SUCCESS; }
API cuGraphDestroy(Graph *graph) { clear(graph); free(graph); live[GRAPHS]--; return SUCCESS; }
API cuGraphLaunch(Graph *graph, Stream *stream) {
  ENTER(); int status = SUCCESS;
  for (Step *s = graph->first; s && !status; s = s->next) status = put(stream, *s);
  return status; }
API cuGraphExecDestroy(Graph *graph) { clear(graph); free(graph); live[EXECS]--; return SUCCESS; }
