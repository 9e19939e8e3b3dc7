#include <chrono>
#include <cstdio>
#include <map>
#include <string>
#include "qfi/engine/program.hpp"
#include "qfi/model/model.hpp"
using namespace qfi;
static double now(){return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();}
int main(int c,char**v){ int n=atoi(v[1]); bool detail=c>3&&std::string(v[c-1])=="-v";
 for(int a=2;a<c-(detail?1:0);a++){ auto m=load_tflite(v[a]); auto p=Program::prepare(std::move(*m),{KernelSet::fast,false,{}}); if(!p){puts(p.error().message.c_str());continue;} Batch b(*p,n); auto in=b.tensor(p->model().inputs[0]); for(size_t i=0;i<in.size();i++)in[i]=std::byte((i*2654435761u)>>13);
  double best=1e9; for(int r=0;r<10;r++){double t=now(); p->run(b,0,p->model().operators.size()); best=std::min(best,now()-t);} printf("%s %.4f ms/image\n",v[a],best/n*1e3);
  std::map<std::string,double> by; for(size_t i=0;i<p->model().operators.size();i++){ double e=1e9; for(int r=0;r<10;r++){double t=now(); p->run(b,i,i+1); e=std::min(e,now()-t);} by[name_of(p->model().operators[i].kind)]+=e/n*1e3; if(detail)printf("   %zu %s %.4f  (%.0f GMAC/s)\n",i,name_of(p->model().operators[i].kind),e/n*1e3,p->multiplications(i)/(e/n)*1e-9);} for(auto&[k,t]:by)printf("    %-20s %.4f\n",k.c_str(),t); } }
