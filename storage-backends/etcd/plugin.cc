#include "shoji/sdk/plugin.h"

#include "etcd_store.h"
#include "shoji/sdk/store.h"

SHOJI_PLUGIN_NOTE(
    SHOJI_NOTE_PLUGIN("store", "etcd", "0.1.0", "Shoji", "Apache-2.0") SHOJI_NOTE_ABI("1", "1")
        SHOJI_NOTE_INTERFACE("shoji.store/1", "0") SHOJI_NOTE_INTERFACE("shoji.store.scan/1", "0")
            SHOJI_NOTE_INTERFACE("shoji.store.txn/1", "0") SHOJI_NOTE_OPTION(
                "endpoints", "list", "", "",
                "Servers, tried in order: https://host:2379, http://host:2379 or unix:///path; "
                "empty: 127.0.0.1:2379") SHOJI_NOTE_OPTION("prefix", "string", "/shoji/", "",
                                                           "What all keys in etcd begin with")
                SHOJI_NOTE_OPTION("username", "string", "", "",
                                  "User of etcd; empty: no authentication")
                    SHOJI_NOTE_OPTION("password", "string", "", "secret",
                                      "Password of the user: file:PATH, env:NAME or the word")
                        SHOJI_NOTE_OPTION(
                            "ca_file", "path", "", "",
                            "Certificates (PEM) that the server's must descend from; empty with "
                            "https: those of this machine")
                            SHOJI_NOTE_OPTION("cert_file", "path", "", "",
                                              "Client certificate (PEM)")
                                SHOJI_NOTE_OPTION("key_file", "path", "", "",
                                                  "Key of the client certificate (PEM)")
                                    SHOJI_NOTE_OPTION(
                                        "timeout", "duration", "10s", "",
                                        "Limit for connecting, and for a request whose caller "
                                        "sets none")
                                        SHOJI_NOTE_OPTION("max_request_bytes", "size", "1536K", "",
                                                          "The server's "
                                                          "--max-request-bytes; "
                                                          "larger values are split")
                                            SHOJI_NOTE_OPTION("max_txn_ops", "int", "128", "",
                                                              "The server's --max-txn-ops"));

SHOJI_SDK_PLUGIN([](shoji::sdk::Interfaces& interfaces) {
  interfaces.Add(SHOJI_STORE_V1, shoji::sdk::StoreTable<shoji::etcd::EtcdStore>());
});
