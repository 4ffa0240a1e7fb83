// SPDX-License-Identifier: Apache-2.0
// A small ONNX Runtime backend for the real Triton server, for benchmarks side by side. Our own
// code: the few functions of Triton's C backend API that it calls are declared here by hand
// (API 1.19, CPU memory only). Installed as backends/onnxruntime/libtriton_onnxruntime.so, so that
// models without config.pbtxt find it. Reads from the configuration: max_batch_size, input/output
// (filled in from the model when absent), parameters intra_op_thread_count. Requests of one batch
// are run together when only their first dimension differs and no tensor holds strings; otherwise
// one by one.
#include <onnxruntime_c_api.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#define OPAQUE(x) struct x
extern "C" {
OPAQUE(TRITONSERVER_Error);
OPAQUE(TRITONSERVER_Message);
OPAQUE(TRITONBACKEND_Model);
OPAQUE(TRITONBACKEND_ModelInstance);
OPAQUE(TRITONBACKEND_Request);
OPAQUE(TRITONBACKEND_Response);
OPAQUE(TRITONBACKEND_Input);
OPAQUE(TRITONBACKEND_Output);
#define API __attribute__((visibility("default")))
TRITONSERVER_Error* TRITONSERVER_ErrorNew(int code, const char* msg);
void TRITONSERVER_ErrorDelete(TRITONSERVER_Error*);
TRITONSERVER_Error* TRITONSERVER_MessageSerializeToJson(TRITONSERVER_Message*, const char** base,
                                                        size_t* size);
TRITONSERVER_Error* TRITONSERVER_MessageNewFromSerializedJson(TRITONSERVER_Message**,
                                                              const char* base, size_t size);
TRITONSERVER_Error* TRITONSERVER_MessageDelete(TRITONSERVER_Message*);
TRITONSERVER_Error* TRITONBACKEND_ModelVersion(TRITONBACKEND_Model*, uint64_t*);
TRITONSERVER_Error* TRITONBACKEND_ModelRepository(TRITONBACKEND_Model*, int* artifact,
                                                  const char** location);
TRITONSERVER_Error* TRITONBACKEND_ModelConfig(TRITONBACKEND_Model*, uint32_t version,
                                              TRITONSERVER_Message**);
TRITONSERVER_Error* TRITONBACKEND_ModelAutoCompleteConfig(TRITONBACKEND_Model*, bool*);
TRITONSERVER_Error* TRITONBACKEND_ModelSetConfig(TRITONBACKEND_Model*, uint32_t version,
                                                 TRITONSERVER_Message*);
TRITONSERVER_Error* TRITONBACKEND_ModelState(TRITONBACKEND_Model*, void**);
TRITONSERVER_Error* TRITONBACKEND_ModelSetState(TRITONBACKEND_Model*, void*);
TRITONSERVER_Error* TRITONBACKEND_ModelInstanceModel(TRITONBACKEND_ModelInstance*,
                                                     TRITONBACKEND_Model**);
TRITONSERVER_Error* TRITONBACKEND_ModelInstanceState(TRITONBACKEND_ModelInstance*, void**);
TRITONSERVER_Error* TRITONBACKEND_ModelInstanceSetState(TRITONBACKEND_ModelInstance*, void*);
TRITONSERVER_Error* TRITONBACKEND_RequestInput(TRITONBACKEND_Request*, const char* name,
                                               TRITONBACKEND_Input**);
TRITONSERVER_Error* TRITONBACKEND_RequestOutputCount(TRITONBACKEND_Request*, uint32_t*);
TRITONSERVER_Error* TRITONBACKEND_RequestOutputName(TRITONBACKEND_Request*, uint32_t, const char**);
TRITONSERVER_Error* TRITONBACKEND_RequestRelease(TRITONBACKEND_Request*, uint32_t flags);
TRITONSERVER_Error* TRITONBACKEND_InputProperties(TRITONBACKEND_Input*, const char** name, int* dt,
                                                  const int64_t** shape, uint32_t* dims,
                                                  uint64_t* bytes, uint32_t* buffers);
TRITONSERVER_Error* TRITONBACKEND_InputBuffer(TRITONBACKEND_Input*, uint32_t index,
                                              const void** buf, uint64_t* bytes, int* memtype,
                                              int64_t* memid);
TRITONSERVER_Error* TRITONBACKEND_ResponseNew(TRITONBACKEND_Response**, TRITONBACKEND_Request*);
TRITONSERVER_Error* TRITONBACKEND_ResponseOutput(TRITONBACKEND_Response*, TRITONBACKEND_Output**,
                                                 const char* name, int dt, const int64_t* shape,
                                                 uint32_t dims);
TRITONSERVER_Error* TRITONBACKEND_OutputBuffer(TRITONBACKEND_Output*, void** buf, uint64_t bytes,
                                               int* memtype, int64_t* memid);
TRITONSERVER_Error* TRITONBACKEND_ResponseSend(TRITONBACKEND_Response*, uint32_t flags,
                                               TRITONSERVER_Error*);
TRITONSERVER_Error* TRITONBACKEND_ModelInstanceReportStatistics(TRITONBACKEND_ModelInstance*,
                                                                TRITONBACKEND_Request*, bool ok,
                                                                uint64_t, uint64_t, uint64_t,
                                                                uint64_t);
TRITONSERVER_Error* TRITONBACKEND_ModelInstanceReportBatchStatistics(TRITONBACKEND_ModelInstance*,
                                                                     uint64_t batch, uint64_t,
                                                                     uint64_t, uint64_t, uint64_t);
}

static const OrtApi* ort;
static OrtEnv* env;
struct Fail {
  int code;
  std::string msg;
};
static void T(TRITONSERVER_Error* e) {
  if (e) {
    TRITONSERVER_ErrorDelete(e);
    throw Fail{1, "a Triton call failed"};
  }
}
static void O(OrtStatus* s) {
  if (s) {
    std::string m = std::string("onnx runtime error: ") + ort->GetErrorMessage(s);
    ort->ReleaseStatus(s);
    throw Fail{1, m};
  }
}
static uint64_t ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}
// Triton type number, name, size of an ONNX element type
struct Ty {
  int onnx, triton;
  const char* name;
  size_t size;
};
static const Ty TYPES[] = {{9, 1, "BOOL", 1},    {2, 2, "UINT8", 1},   {4, 3, "UINT16", 2},
                           {12, 4, "UINT32", 4}, {13, 5, "UINT64", 8}, {3, 6, "INT8", 1},
                           {5, 7, "INT16", 2},   {6, 8, "INT32", 4},   {7, 9, "INT64", 8},
                           {10, 10, "FP16", 2},  {1, 11, "FP32", 4},   {11, 12, "FP64", 8},
                           {8, 13, "STRING", 0}};
static const Ty* by_onnx(int t) {
  for (auto& y : TYPES)
    if (y.onnx == t) return &y;
  return nullptr;
}
struct Io {
  std::string name;
  const Ty* ty;
  std::vector<int64_t> dims;
};
struct Model {
  std::string path, config;
  int64_t max_batch = 0;
  int threads = 0;
  std::vector<Io> in, out;
  OrtSession* s = nullptr;
};

static OrtSession* session(const Model& m) {
  OrtSessionOptions* so;
  O(ort->CreateSessionOptions(&so));
  if (m.threads > 0) O(ort->SetIntraOpNumThreads(so, m.threads));
  O(ort->SetSessionGraphOptimizationLevel(so, ORT_ENABLE_ALL));
  OrtSession* s = nullptr;
  OrtStatus* st = ort->CreateSession(env, m.path.c_str(), so, &s);
  ort->ReleaseSessionOptions(so);
  O(st);
  return s;
}
static std::vector<Io> ios(OrtSession* s, bool in) {
  size_t n;
  O(in ? ort->SessionGetInputCount(s, &n) : ort->SessionGetOutputCount(s, &n));
  OrtAllocator* al;
  O(ort->GetAllocatorWithDefaultOptions(&al));
  std::vector<Io> v;
  for (size_t i = 0; i < n; i++) {
    char* nm;
    O(in ? ort->SessionGetInputName(s, i, al, &nm) : ort->SessionGetOutputName(s, i, al, &nm));
    Io io{nm, nullptr, {}};
    al->Free(al, nm);
    OrtTypeInfo* ti;
    O(in ? ort->SessionGetInputTypeInfo(s, i, &ti) : ort->SessionGetOutputTypeInfo(s, i, &ti));
    const OrtTensorTypeAndShapeInfo* sh;
    O(ort->CastTypeInfoToTensorInfo(ti, &sh));
    if (!sh) {
      ort->ReleaseTypeInfo(ti);
      throw Fail{5, "'" + io.name + "' is not a tensor"};
    }
    ONNXTensorElementDataType dt;
    O(ort->GetTensorElementType(sh, &dt));
    size_t d;
    O(ort->GetDimensionsCount(sh, &d));
    io.dims.resize(d);
    O(ort->GetDimensions(sh, io.dims.data(), d));
    ort->ReleaseTypeInfo(ti);
    io.ty = by_onnx(dt);
    if (!io.ty) throw Fail{3, "'" + io.name + "' has a datatype that is not supported"};
    v.push_back(io);
  }
  return v;
}
static std::string list_json(const std::vector<Io>& v, bool batch) {
  std::string r = "[";
  for (auto& io : v) {
    if (r.size() > 1) r += ",";
    r += "{\"name\":\"" + io.name + "\",\"data_type\":\"TYPE_" + io.ty->name + "\",\"dims\":[";
    size_t from = batch ? 1 : 0;
    bool none = io.dims.size() <= from;
    for (size_t i = from; i < io.dims.size(); i++)
      r += (i > from ? "," : "") + std::to_string(io.dims[i]);
    r += none ? "1]}" : "]}";  // a scalar is shown as one element, as the real backend does
  }
  return r + "]";
}
static void gather(TRITONBACKEND_Input* in, uint32_t n, std::string& tmp, const char*& p,
                   uint64_t bytes) {
  const void* b;
  uint64_t sz;
  int mt;
  int64_t id;
  if (n == 1) {
    mt = 0;
    id = 0;
    T(TRITONBACKEND_InputBuffer(in, 0, &b, &sz, &mt, &id));
    p = (const char*)b;
    return;
  }
  tmp.reserve(bytes);
  for (uint32_t i = 0; i < n; i++) {
    mt = 0;
    id = 0;
    T(TRITONBACKEND_InputBuffer(in, i, &b, &sz, &mt, &id));
    tmp.append((const char*)b, sz);
  }
  p = tmp.data();
}
struct Vals {
  std::vector<OrtValue*> v;
  ~Vals() {
    for (auto x : v)
      if (x) ort->ReleaseValue(x);
  }
};
static OrtMemoryInfo* cpu() {
  static OrtMemoryInfo* m = [] {
    OrtMemoryInfo* x;
    O(ort->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &x));
    return x;
  }();
  return m;
}

// runs requests [0,n) of rs as one call; batch > 0 where they are concatenated along the first
// dimension
static void run(Model& m, TRITONBACKEND_Request** rs, uint32_t n,
                std::vector<TRITONBACKEND_Response*>& resp, uint64_t& c0, uint64_t& c1) {
  Vals in, out;
  std::vector<const char*> inn, outn;
  std::vector<std::string> keep(m.in.size());
  std::vector<int64_t> rows(n, 1);
  std::vector<std::string> strs;
  for (size_t k = 0; k < m.in.size(); k++) {
    Io& io = m.in[k];
    std::vector<int64_t> shape;
    const char* p = nullptr;
    uint64_t total = 0;
    for (uint32_t r = 0; r < n; r++) {
      TRITONBACKEND_Input* t;
      T(TRITONBACKEND_RequestInput(rs[r], io.name.c_str(), &t));
      const int64_t* sh;
      uint32_t d, nb;
      uint64_t by;
      T(TRITONBACKEND_InputProperties(t, nullptr, nullptr, &sh, &d, &by, &nb));
      if (r == 0)
        shape.assign(sh, sh + d);
      else
        shape[0] += sh[0];
      if (d) rows[r] = sh[0];
      if (n == 1) {
        gather(t, nb, keep[k], p, by);
        total = by;
      } else {
        std::string one;
        const char* q;
        gather(t, nb, one, q, by);
        keep[k].append(q, by);
        total += by;
        p = keep[k].data();
      }
    }
    OrtValue* v = nullptr;
    if (io.ty->size)
      O(ort->CreateTensorWithDataAsOrtValue(cpu(), (void*)(p ? p : ""), total, shape.data(),
                                            shape.size(), (ONNXTensorElementDataType)io.ty->onnx,
                                            &v));
    else {
      OrtAllocator* al;
      O(ort->GetAllocatorWithDefaultOptions(&al));
      O(ort->CreateTensorAsOrtValue(al, shape.data(), shape.size(),
                                    ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING, &v));
      in.v.push_back(v);
      std::vector<std::string> ss;
      uint64_t o = 0;
      while (o + 4 <= total) {
        uint32_t l;
        memcpy(&l, p + o, 4);
        o += 4;
        if (o + l > total) throw Fail{3, "incomplete string data for input '" + io.name + "'"};
        ss.emplace_back(p + o, l);
        o += l;
      }
      std::vector<const char*> cs;
      for (auto& s : ss) cs.push_back(s.c_str());
      O(ort->FillStringTensor(v, cs.data(), cs.size()));
      inn.push_back(io.name.c_str());
      continue;
    }
    in.v.push_back(v);
    inn.push_back(io.name.c_str());
  }
  std::vector<std::vector<bool>> want(n, std::vector<bool>(m.out.size()));
  std::vector<size_t> idx;
  for (size_t k = 0; k < m.out.size(); k++) {
    bool any = false;
    for (uint32_t r = 0; r < n; r++) {
      uint32_t c;
      T(TRITONBACKEND_RequestOutputCount(rs[r], &c));
      for (uint32_t i = 0; i < c; i++) {
        const char* nm;
        T(TRITONBACKEND_RequestOutputName(rs[r], i, &nm));
        if (m.out[k].name == nm) want[r][k] = any = true;
      }
    }
    if (any) {
      idx.push_back(k);
      outn.push_back(m.out[k].name.c_str());
    }
  }
  out.v.assign(outn.size(), nullptr);
  c0 = ns();
  O(ort->Run(m.s, nullptr, inn.data(), in.v.data(), inn.size(), outn.data(), outn.size(),
             out.v.data()));
  c1 = ns();
  for (size_t j = 0; j < idx.size(); j++) {
    Io& io = m.out[idx[j]];
    OrtTensorTypeAndShapeInfo* ti;
    O(ort->GetTensorTypeAndShape(out.v[j], &ti));
    size_t d;
    O(ort->GetDimensionsCount(ti, &d));
    std::vector<int64_t> shape(d);
    O(ort->GetDimensions(ti, shape.data(), d));
    size_t cnt;
    O(ort->GetTensorShapeElementCount(ti, &cnt));
    ort->ReleaseTensorTypeAndShapeInfo(ti);
    if (shape.empty()) shape.push_back(1);
    std::string ser;
    char* data = nullptr;
    size_t bytes;
    if (io.ty->size) {
      O(ort->GetTensorMutableData(out.v[j], (void**)&data));
      bytes = cnt * io.ty->size;
    } else {
      for (size_t e = 0; e < cnt; e++) {
        size_t l;
        O(ort->GetStringTensorElementLength(out.v[j], e, &l));
        uint32_t l4 = l;
        ser.append((char*)&l4, 4);
        size_t at = ser.size();
        ser.resize(at + l);
        O(ort->GetStringTensorElement(out.v[j], l, e, &ser[at]));
      }
      data = &ser[0];
      bytes = ser.size();
    }
    size_t off = 0;
    for (uint32_t r = 0; r < n; r++) {
      size_t part = bytes;
      std::vector<int64_t> sh = shape;
      if (n > 1) {
        part = bytes / (shape[0] ? shape[0] : 1) * rows[r];
        sh[0] = rows[r];
      }
      if (want[r][idx[j]] && resp[r]) {
        TRITONBACKEND_Output* o;
        T(TRITONBACKEND_ResponseOutput(resp[r], &o, io.name.c_str(), io.ty->triton, sh.data(),
                                       sh.size()));
        void* b;
        int mt = 0;
        int64_t id = 0;
        T(TRITONBACKEND_OutputBuffer(o, &b, part, &mt, &id));
        if (part) memcpy(b, data + off, part);
      }
      off += part;
    }
  }
}

template <class F>
static TRITONSERVER_Error* guard(F f) {
  try {
    f();
    return nullptr;
  } catch (Fail& e) {
    return TRITONSERVER_ErrorNew(e.code, e.msg.c_str());
  } catch (std::exception& e) {
    return TRITONSERVER_ErrorNew(1, e.what());
  }
}
struct TRITONBACKEND_Backend;
extern "C" {
API TRITONSERVER_Error* TRITONBACKEND_Initialize(TRITONBACKEND_Backend*) {
  return guard([] {
    ort = OrtGetApiBase()->GetApi(ORT_API_VERSION);
    if (!ort) throw Fail{1, "ONNX Runtime is too old"};
    O(ort->CreateEnv(ORT_LOGGING_LEVEL_WARNING, "rig", &env));
  });
}
API TRITONSERVER_Error* TRITONBACKEND_ModelInitialize(TRITONBACKEND_Model* tm) {
  return guard([&] {
    Model* m = new Model;
    TRITONBACKEND_ModelSetState(tm, m);
    int art;
    const char* loc;
    uint64_t ver;
    T(TRITONBACKEND_ModelRepository(tm, &art, &loc));
    T(TRITONBACKEND_ModelVersion(tm, &ver));
    m->path = std::string(loc) + "/" + std::to_string(ver) + "/model.onnx";
    TRITONSERVER_Message* msg;
    const char* b;
    size_t sz;
    T(TRITONBACKEND_ModelConfig(tm, 1, &msg));
    T(TRITONSERVER_MessageSerializeToJson(msg, &b, &sz));
    m->config.assign(b, sz);
    TRITONSERVER_MessageDelete(msg);
    size_t p = m->config.find("\"max_batch_size\":");
    if (p != std::string::npos) m->max_batch = atoll(m->config.c_str() + p + 17);
    p = m->config.find("\"intra_op_thread_count\":{\"string_value\":\"");
    if (p != std::string::npos) m->threads = atoi(m->config.c_str() + p + 41);
    m->s = session(*m);
    m->in = ios(m->s, true);
    m->out = ios(m->s, false);
    bool ac = false;
    T(TRITONBACKEND_ModelAutoCompleteConfig(tm, &ac));
    if (ac) {
      bool ch = false;
      for (int k = 0; k < 2; k++) {
        std::string e = k ? "\"output\":[]" : "\"input\":[]";
        size_t q = m->config.find(e);
        if (q != std::string::npos) {
          m->config.replace(
              q, e.size(),
              e.substr(0, e.size() - 2) + list_json(k ? m->out : m->in, m->max_batch > 0));
          ch = true;
        }
      }
      if (ch) {
        TRITONSERVER_Message* nm;
        T(TRITONSERVER_MessageNewFromSerializedJson(&nm, m->config.data(), m->config.size()));
        TRITONSERVER_Error* e = TRITONBACKEND_ModelSetConfig(tm, 1, nm);
        TRITONSERVER_MessageDelete(nm);
        T(e);
      }
    }
  });
}
API TRITONSERVER_Error* TRITONBACKEND_ModelFinalize(TRITONBACKEND_Model* tm) {
  void* p = nullptr;
  TRITONBACKEND_ModelState(tm, &p);
  Model* m = (Model*)p;
  if (m) {
    if (m->s) ort->ReleaseSession(m->s);
    delete m;
  }
  return nullptr;
}
API TRITONSERVER_Error* TRITONBACKEND_ModelInstanceInitialize(TRITONBACKEND_ModelInstance* ti) {
  TRITONBACKEND_Model* tm;
  void* p;
  TRITONBACKEND_ModelInstanceModel(ti, &tm);
  TRITONBACKEND_ModelState(tm, &p);
  return TRITONBACKEND_ModelInstanceSetState(ti, p);
}
API TRITONSERVER_Error* TRITONBACKEND_ModelInstanceFinalize(TRITONBACKEND_ModelInstance*) {
  return nullptr;
}
API TRITONSERVER_Error* TRITONBACKEND_ModelInstanceExecute(TRITONBACKEND_ModelInstance* ti,
                                                           TRITONBACKEND_Request** rs,
                                                           const uint32_t n) {
  void* p;
  TRITONBACKEND_ModelInstanceState(ti, &p);
  Model& m = *(Model*)p;
  uint64_t e0 = ns(), c0 = e0, c1 = e0;
  std::vector<TRITONBACKEND_Response*> resp(n, nullptr);
  std::vector<Fail> err(n, Fail{-1, ""});
  uint64_t total = 0;
  bool joint = n > 1 && m.max_batch > 0;
  for (auto& io : m.in)
    if (!io.ty->size) joint = false;
  for (auto& io : m.out)
    if (!io.ty->size || io.dims.empty()) joint = false;
  std::vector<int64_t> first;
  for (uint32_t r = 0; r < n; r++) {
    TRITONBACKEND_ResponseNew(&resp[r], rs[r]);
    std::vector<int64_t> all;
    int64_t b = 1;
    for (auto& io : m.in) {
      TRITONBACKEND_Input* t;
      if (TRITONSERVER_Error* e = TRITONBACKEND_RequestInput(rs[r], io.name.c_str(), &t)) {
        TRITONSERVER_ErrorDelete(e);
        joint = false;
        continue;
      }
      const int64_t* sh;
      uint32_t d;
      TRITONBACKEND_InputProperties(t, nullptr, nullptr, &sh, &d, nullptr, nullptr);
      if (d) b = sh[0];
      all.push_back(d);
      for (uint32_t i = 1; i < d; i++) all.push_back(sh[i]);
    }
    if (r == 0)
      first = all;
    else if (all != first)
      joint = false;
    total += m.max_batch > 0 ? b : 1;
  }
  if (joint) {
    try {
      run(m, rs, n, resp, c0, c1);
    } catch (Fail& f) {
      for (auto& e : err) e = f;
    }
  } else
    for (uint32_t r = 0; r < n; r++) {
      std::vector<TRITONBACKEND_Response*> one{resp[r]};
      try {
        run(m, rs + r, 1, one, c0, c1);
      } catch (Fail& f) {
        err[r] = f;
      }
    }
  uint64_t e1 = ns();
  for (uint32_t r = 0; r < n; r++) {
    bool ok = err[r].code < 0;
    TRITONSERVER_Error* e = ok ? nullptr : TRITONSERVER_ErrorNew(err[r].code, err[r].msg.c_str());
    if (resp[r]) TRITONBACKEND_ResponseSend(resp[r], 1, e);
    if (e) TRITONSERVER_ErrorDelete(e);
    TRITONBACKEND_ModelInstanceReportStatistics(ti, rs[r], ok, e0, c0, c1, e1);
    TRITONBACKEND_RequestRelease(rs[r], 1);
  }
  TRITONBACKEND_ModelInstanceReportBatchStatistics(ti, total, e0, c0, c1, e1);
  return nullptr;
}
}
