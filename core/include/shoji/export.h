// Marks what libshoji.so gives to programs that link it.
//
// Purpose  The library is built with hidden visibility: only what carries SHOJI_API can be
//          linked, so none of our own helpers, nor the libraries in it, meet the embedder's.
// Threads  None.
// Example  class SHOJI_API Runtime { ... };
#ifndef SHOJI_EXPORT_H_
#define SHOJI_EXPORT_H_

#define SHOJI_API __attribute__((visibility("default")))

#endif  // SHOJI_EXPORT_H_
